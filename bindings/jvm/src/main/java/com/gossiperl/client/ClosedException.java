package com.gossiperl.client;

/** The client is closed: make a new one. */
public final class ClosedException extends GossiperlException {
    private static final long serialVersionUID = 1L;

    ClosedException(String message) {
        super(Kind.CLOSED, message);
    }
}
