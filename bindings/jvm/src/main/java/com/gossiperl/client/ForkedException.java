package com.gossiperl.client;

/** The client belongs to the parent process. A Java program does not fork; the class is here because the other languages have it. */
public final class ForkedException extends GossiperlException {
    private static final long serialVersionUID = 1L;

    ForkedException(String message) {
        super(Kind.FORKED, message);
    }
}
