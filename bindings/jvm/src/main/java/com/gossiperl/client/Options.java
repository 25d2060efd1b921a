package com.gossiperl.client;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * The options of a client. Those that are not given have the defaults named here.
 *
 * <pre>{@code
 * Options options = Options.of(6666, "billing", key).secret("its own").connectTimeout(Duration.ofSeconds(3));
 * }</pre>
 *
 * <p>A client is made of the options as they are at that moment. One out of its range is an {@link OptionException} then. Not for several threads at once.
 */
public final class Options {
    /** What happens when deliveries are read too slowly. */
    public enum SlowPolicy {
        /** The daemon holds publishers back. */
        WAIT("wait"),
        /** The oldest deliveries are dropped, and {@link Event.Dropped} tells how many. */
        DROP_OLDEST("drop_oldest");

        private final String text;

        SlowPolicy(String text) {
            this.text = text;
        }
    }

    private final int port;
    private final String name;
    private final byte[] key;
    private final List<byte[]> additionalKeys = new ArrayList<>();
    private String overlay;
    private byte[] secret = Native.NOTHING;
    private Long protocol;
    private String address;
    private Double connectTimeout;
    private Double closeTimeout;
    private Long publishWindow;
    private Long publishWindowBytes;
    private Long deliveryBuffer;
    private Long deliveryBufferBytes;
    private SlowPolicy slowPolicy;

    private Options(int port, String name, byte[] key) {
        this.port = port;
        this.name = Objects.requireNonNull(name, "name");
        this.key = key.clone();
    }

    /**
     * Options of a client.
     *
     * @param port the port that the daemon's overlay is bound to, 1 to 65535
     * @param name the client's name, 1 to 255 bytes, unique in the overlay
     * @param key the overlay's symmetric key, at least 1 byte
     */
    public static Options of(int port, String name, byte[] key) {
        return new Options(port, name, key);
    }

    /** As {@link #of(int, String, byte[])}, with a key that is text. */
    public static Options of(int port, String name, String key) {
        return new Options(port, name, key.getBytes(StandardCharsets.UTF_8));
    }

    /** What the application calls the overlay. It is not sent; it tells clients of several overlays apart. */
    public Options overlay(String overlay) {
        this.overlay = overlay;
        return this;
    }

    /** The client's own secret, 0 to 255 bytes; the daemon binds it to the name at first use. Default empty. */
    public Options secret(byte[] secret) {
        this.secret = secret.clone();
        return this;
    }

    /** As {@link #secret(byte[])}, as text. */
    public Options secret(String secret) {
        return secret(secret.getBytes(StandardCharsets.UTF_8));
    }

    /** Further keys of the overlay's ring to open with, 7 at most. Each call adds one. */
    public Options additionalKey(byte[] key) {
        additionalKeys.add(key.clone());
        return this;
    }

    /** As {@link #additionalKey(byte[])}, as text. */
    public Options additionalKey(String key) {
        return additionalKey(key.getBytes(StandardCharsets.UTF_8));
    }

    /** 2, the default, or 1 for the daemons of 2014. */
    public Options protocol(int protocol) {
        this.protocol = (long) protocol;
        return this;
    }

    /** The loopback address that the overlay is bound to. Default 127.0.0.1. */
    public Options address(String address) {
        this.address = address;
        return this;
    }

    /** How long connecting waits for the first session, above 0 and up to a day. Default 10 seconds. */
    public Options connectTimeout(Duration timeout) {
        connectTimeout = seconds(timeout);
        return this;
    }

    /** How long closing waits for what was published to be acknowledged, up to a day. Default 2 seconds. */
    public Options closeTimeout(Duration timeout) {
        closeTimeout = seconds(timeout);
        return this;
    }

    /** Published messages that may wait for acknowledgement. Default 16,384. */
    public Options publishWindow(long messages) {
        publishWindow = messages;
        return this;
    }

    /** Their bytes. Default 8 MiB. */
    public Options publishWindowBytes(long bytes) {
        publishWindowBytes = bytes;
        return this;
    }

    /** Deliveries that may wait to be read. Default 16,384. */
    public Options deliveryBuffer(long deliveries) {
        deliveryBuffer = deliveries;
        return this;
    }

    /** Their bytes. Default 8 MiB. */
    public Options deliveryBufferBytes(long bytes) {
        deliveryBufferBytes = bytes;
        return this;
    }

    /** What happens when deliveries are read too slowly. Default {@link SlowPolicy#WAIT}. */
    public Options slowPolicy(SlowPolicy policy) {
        slowPolicy = policy;
        return this;
    }

    /** Without secrets and keys. */
    @Override
    public String toString() {
        return "Options(overlay " + overlay + ", port " + port + ", name " + name + ")";
    }

    String name() {
        return name;
    }

    String overlay() {
        return overlay;
    }

    /** For the native library; holds secrets, so {@link #wipe} it soon. */
    byte[] write() {
        Writer writer = new Writer();
        writer.optionalText(overlay).i64(port).text(name).bytes(secret).bytes(key).i32(additionalKeys.size());
        additionalKeys.forEach(writer::bytes);
        writer.optionalI64(protocol).optionalText(address).optionalF64(connectTimeout).optionalF64(closeTimeout);
        writer.optionalI64(publishWindow).optionalI64(publishWindowBytes);
        writer.optionalI64(deliveryBuffer).optionalI64(deliveryBufferBytes);
        writer.optionalText(slowPolicy == null ? null : slowPolicy.text);
        return writer.take();
    }

    static void wipe(byte[] written) {
        Arrays.fill(written, (byte) 0);
    }

    private static double seconds(Duration timeout) {
        return timeout.getSeconds() + timeout.getNano() / 1e9;
    }
}
