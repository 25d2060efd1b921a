package com.gossiperl.client;

/** Where a client stands. */
public enum State {
    /** No session yet, or none any more; the client goes on trying. */
    CONNECTING,
    /** A session with the daemon. */
    CONNECTED,
    /** Closed, or closing. */
    CLOSED
}
