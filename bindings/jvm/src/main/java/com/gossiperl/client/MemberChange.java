package com.gossiperl.client;

/** What happened to a member. */
public enum MemberChange {
    /** First heard of. */
    IN,
    /** Silent for a while. */
    QUARANTINE,
    /** Silent for longer. */
    UNREACHABLE,
    /** Given up. */
    DROP,
    /** Gone: left, or forgotten after {@link #DROP}. */
    OUT,
    /** Heard of again after quarantine or unreachable. */
    REJOIN;

    private static final MemberChange[] ALL = values();

    static MemberChange of(int number) {
        return ALL[number];
    }
}
