package com.gossiperl.client;

/** The system gave no socket or thread. */
public final class SystemException extends GossiperlException {
    private static final long serialVersionUID = 1L;

    SystemException(String message) {
        super(Kind.SYSTEM, message);
    }
}
