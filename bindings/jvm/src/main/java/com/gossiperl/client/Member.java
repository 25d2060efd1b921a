package com.gossiperl.client;

import java.util.Optional;

/** A member of the overlay: a daemon, or a client of one. */
public final class Member {
    /** What a member is. */
    public enum Kind {
        /** A daemon. */
        DAEMON,
        /** A client of a daemon. */
        CLIENT,
        /** Not told: protocol 1 does not distinguish. */
        UNKNOWN
    }

    /** How a member is. */
    public enum State {
        /** Heard of lately. */
        REACHABLE,
        /** Silent; it may still come back. */
        QUARANTINE,
        /** Silent for so long that it counts as gone, though not forgotten. */
        UNREACHABLE,
        /** It said goodbye. */
        LEFT
    }

    private static final Kind[] KINDS = Kind.values();
    private static final State[] STATES = State.values();

    private final String name;
    private final Kind kind;
    private final State state;
    private final String address;
    private final String rack;
    private final long heartbeat;

    Member(Reader reader) {
        name = reader.text();
        kind = KINDS[reader.u8()];
        state = STATES[reader.u8()];
        address = reader.bool() ? reader.text() : null;
        rack = reader.bool() ? reader.text() : null;
        heartbeat = reader.i64();
    }

    /** Its name, unique in the overlay. */
    public String name() {
        return name;
    }

    /** What it is. */
    public Kind kind() {
        return kind;
    }

    /** How it is. */
    public State state() {
        return state;
    }

    /** Where its datagrams come from, such as {@code 127.0.0.1:6666}. Empty in events of protocol 1, which do not tell. */
    public Optional<String> address() {
        return Optional.ofNullable(address);
    }

    /** The rack it stands in. Empty in protocol 1, which does not tell. */
    public Optional<String> rack() {
        return Optional.ofNullable(rack);
    }

    /** Unix time in seconds at which it was last heard of. */
    public long heartbeat() {
        return heartbeat;
    }

    @Override
    public String toString() {
        return "Member(" + name + ", " + kind + ", " + state + ")";
    }
}
