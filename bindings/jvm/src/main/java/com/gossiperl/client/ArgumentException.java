package com.gossiperl.client;

/** An argument is wrong: an event type or a payload. Nothing was sent. */
public final class ArgumentException extends GossiperlException {
    private static final long serialVersionUID = 1L;

    ArgumentException(String message) {
        super(Kind.ARGUMENT, message);
    }
}
