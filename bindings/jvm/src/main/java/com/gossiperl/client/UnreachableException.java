package com.gossiperl.client;

/** Nobody listens on the daemon's port. */
public final class UnreachableException extends GossiperlException {
    private static final long serialVersionUID = 1L;

    UnreachableException(String message) {
        super(Kind.UNREACHABLE, message);
    }
}
