package com.gossiperl.client;

/** Protocol 1 only: sent several times and never acknowledged. It may have been delivered. */
public final class NotAcknowledgedException extends GossiperlException {
    private static final long serialVersionUID = 1L;

    NotAcknowledgedException(String message) {
        super(Kind.NOT_ACKNOWLEDGED, message);
    }
}
