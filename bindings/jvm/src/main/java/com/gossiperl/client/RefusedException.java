package com.gossiperl.client;

/** The daemon refused. */
public final class RefusedException extends GossiperlException {
    private static final long serialVersionUID = 1L;

    private final int daemonCode;

    RefusedException(String message, int daemonCode) {
        super(Kind.REFUSED, message);
        this.daemonCode = daemonCode;
    }

    /** The daemon's code for why. */
    public int daemonCode() {
        return daemonCode;
    }
}
