package com.gossiperl.client;

import java.util.Arrays;
import java.util.Optional;

/** What makes a message the same one: each client sees each id once. */
public final class MessageId {
    private final long publisher;
    private final long sequence;
    private final byte[] envelope;

    MessageId(Reader reader) {
        boolean numbered = !reader.bool();
        publisher = numbered ? reader.i64() : 0;
        sequence = numbered ? reader.i64() : 0;
        envelope = numbered ? null : reader.bytes();
    }

    /** Protocol 2: made at random, once in a publishing client's life. 0 in protocol 1. */
    public long publisher() {
        return publisher;
    }

    /** Protocol 2: rising from one message of the publisher to the next, not necessarily by one. 0 in protocol 1. */
    public long sequence() {
        return sequence;
    }

    /** Protocol 1: the envelope's id. Empty in protocol 2. */
    public Optional<byte[]> envelope() {
        return Optional.ofNullable(envelope).map(byte[]::clone);
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof MessageId)) {
            return false;
        }
        MessageId id = (MessageId) other;
        return publisher == id.publisher && sequence == id.sequence && Arrays.equals(envelope, id.envelope);
    }

    @Override
    public int hashCode() {
        return Long.hashCode(publisher) * 31 + Long.hashCode(sequence) + Arrays.hashCode(envelope);
    }

    @Override
    public String toString() {
        return envelope == null ? publisher + "/" + sequence : Names.decode(envelope);
    }
}
