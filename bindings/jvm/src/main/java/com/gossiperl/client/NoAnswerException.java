package com.gossiperl.client;

/** The daemon did not answer in time. */
public final class NoAnswerException extends GossiperlException {
    private static final long serialVersionUID = 1L;

    NoAnswerException(String message) {
        super(Kind.TIMEOUT, message);
    }
}
