package com.gossiperl.client;

/** One message. */
public final class Delivery extends Event {
    private final String type;
    private final MessageId id;
    private final byte[] payload;

    Delivery(Reader reader) {
        type = reader.name();
        id = new MessageId(reader);
        payload = reader.bytes();
    }

    /** The message's event type. */
    public String type() {
        return type;
    }

    /** What makes it the same message as another. */
    public MessageId id() {
        return id;
    }

    /** What was published, 0 to 60,000 bytes. It is the delivery's own array: copy it before you change it. */
    public byte[] payload() {
        return payload;
    }

    /**
     * The payload as a digest.
     *
     * @throws ArgumentException it is none
     */
    public Digest digest() {
        return Digest.read(payload);
    }

    @Override
    void tell(Client client, Listener listener) {
        listener.onDelivery(client, this);
    }

    @Override
    public String toString() {
        return "Delivery(" + type + ", " + id + ", " + payload.length + " bytes)";
    }
}
