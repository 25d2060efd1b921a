package com.gossiperl.kotlin

import com.gossiperl.kotlin.generated.ConnectOptions
import kotlin.time.Duration
import kotlin.time.DurationUnit

/** What happens when a subscriber reads its deliveries too slowly. */
public enum class SlowPolicy {
    /** Publishers are held back. */
    WAIT,

    /** The oldest delivery is dropped, and counted. */
    DROP_OLDEST,
}

/**
 * The options of [Client.connect] and [Client.start] beyond port, name and key. `null` stands for the default; one out of its range is an [OptionException] that names it.
 */
public class Options internal constructor() {
    /** What the application calls the overlay. It is not sent. */
    public var overlay: String? = null

    /** The client's own, 0 to 255 bytes; the daemon binds it to the name at first use. */
    public var secret: ByteArray = ByteArray(0)

    /** Further keys of the overlay's ring to open with, 7 at most. */
    public var additionalKeys: List<ByteArray> = emptyList()

    /** 2, the default, or 1 for the daemons of 2014. */
    public var protocol: Int? = null

    /** The loopback address that the overlay is bound to. Default 127.0.0.1. */
    public var address: String? = null

    /** How long connecting waits for the first session, above 0. Default 10 s. */
    public var connectTimeout: Duration? = null

    /** How long closing waits for what was published to be acknowledged. Default 2 s. */
    public var closeTimeout: Duration? = null

    /** Published messages that may wait for acknowledgement. Default 16,384. */
    public var publishWindow: Int? = null

    /** Their bytes. Default 8 MiB. */
    public var publishWindowBytes: Long? = null

    /** Deliveries that may wait to be read. Default 16,384. */
    public var deliveryBuffer: Int? = null

    /** Their bytes. Default 8 MiB. */
    public var deliveryBufferBytes: Long? = null

    /** What happens when deliveries are read too slowly. Default [SlowPolicy.WAIT]. */
    public var slowPolicy: SlowPolicy? = null

    /** [secret] as text. */
    public fun secret(text: String) {
        secret = text.encodeToByteArray()
    }

    internal fun lowered(port: Int, name: String, key: ByteArray) = ConnectOptions(
        overlay = overlay,
        port = port.toLong(),
        name = Names.bytes(name),
        secret = secret,
        key = key,
        additionalKeys = additionalKeys,
        protocol = protocol?.toLong(),
        address = address,
        connectTimeout = connectTimeout?.toDouble(DurationUnit.SECONDS),
        closeTimeout = closeTimeout?.toDouble(DurationUnit.SECONDS),
        publishWindow = publishWindow?.toLong(),
        publishWindowBytes = publishWindowBytes,
        deliveryBuffer = deliveryBuffer?.toLong(),
        deliveryBufferBytes = deliveryBufferBytes,
        slowPolicy = slowPolicy?.name?.lowercase(),
    )
}
