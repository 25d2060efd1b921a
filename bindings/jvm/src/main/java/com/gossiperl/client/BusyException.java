package com.gossiperl.client;

/** Not now: the window is full, or the daemon holds publishers of the type back. Nothing was sent. */
public final class BusyException extends GossiperlException {
    private static final long serialVersionUID = 1L;

    BusyException(String message) {
        super(Kind.BUSY, message);
    }
}
