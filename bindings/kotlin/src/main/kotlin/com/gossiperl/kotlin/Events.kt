package com.gossiperl.kotlin

/** Where a client stands. */
public enum class State {
    /** No session yet, or none any more; the client goes on trying. */
    CONNECTING,

    /** A session with a daemon. */
    CONNECTED,

    /** Closed, or closing. */
    CLOSED,
}

/** What a [Member] is. */
public enum class MemberKind { UNKNOWN, DAEMON, CLIENT }

/** How a [Member] is: heard of lately; silent; silent for so long that it counts as gone; gone after a goodbye. */
public enum class MemberState { UNKNOWN, REACHABLE, QUARANTINE, UNREACHABLE, LEFT }

/** What happened to a member. */
public enum class MemberChange { UNKNOWN, IN, QUARANTINE, UNREACHABLE, DROP, OUT, REJOIN }

/**
 * A member of the overlay.
 *
 * @property address where its datagrams come from, `127.0.0.1:6666`; `null` where not told
 * @property rack the rack it stands in; `null` where not told
 * @property heartbeat Unix time in seconds at which it was last heard of
 */
public data class Member(
    val name: String,
    val kind: MemberKind,
    val state: MemberState,
    val address: String?,
    val rack: String?,
    val heartbeat: Long,
)

/** What [Client.events] tells. */
public sealed interface Event {
    /** There is a session with the daemon of this name; [resumed] where the daemon still had it. */
    public data class Connected(val daemon: String, val resumed: Boolean) : Event

    /** There is no session any more. The client goes on trying: publishing waits, subscriptions come back. */
    public data class Disconnected(val reason: String) : Event

    /** The daemon serves these event types: asked for, or brought back after a reconnection. */
    public data class Subscribed(val types: List<String>) : Event

    /** The daemon serves these event types no longer. */
    public data class Unsubscribed(val types: List<String>) : Event

    /** A member changed; only after [Client.watchMembers]. */
    public data class MemberChanged(val change: MemberChange, val member: Member) : Event

    /** The daemon refused the session or a request. A refused session is asked for again, ever more rarely. */
    public data class Failed(val error: GossiperlException) : Event

    /** Something was lost because this side was too slow: [count] deliveries of [type], or other events where it is `null`. */
    public data class Dropped(val type: String?, val count: Long) : Event

    /** The daemon takes no messages of this type for now: a subscriber is too slow. */
    public data class Paused(val type: String) : Event

    /** The daemon takes messages of this type again. */
    public data class Resumed(val type: String) : Event
}

/**
 * A message.
 *
 * @property type its event type
 * @property id what makes it the same message: each id comes once
 * @property payload what was published, 0 to 60,000 bytes; the application's to keep
 */
public class Delivery internal constructor(
    public val type: String,
    public val id: String,
    public val payload: ByteArray,
) : Event {
    /** The payload as UTF-8, with replacement characters where it is not. */
    public val text: String get() = payload.decodeToString()

    /** The payload read as typed fields. [InvalidArgumentException]: it is no digest. */
    public fun digest(): Digest = Digest.fromPayload(payload)

    override fun toString(): String = "Delivery(type=$type, id=$id, payload=${payload.size} bytes)"
}
