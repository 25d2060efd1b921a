package com.gossiperl.client;

/**
 * Told of everything that happens to a client, one event after the other, on a thread of that client alone.
 *
 * <p>A method may take its time (only its own client's events wait), may call the client, wait for its futures and close it. What a method throws goes to the thread's uncaught-exception
 * handler, and the next event is told.
 */
public interface Listener {
    /** There is a session with the daemon. */
    default void onConnected(Client client, Event.Connected event) {}

    /** There is no session any more; the client goes on trying. */
    default void onDisconnected(Client client, Event.Disconnected event) {}

    /** The daemon serves these event types. */
    default void onSubscribed(Client client, Event.Subscribed event) {}

    /** The daemon serves these event types no longer. */
    default void onUnsubscribed(Client client, Event.Unsubscribed event) {}

    /** A message. */
    default void onDelivery(Client client, Delivery delivery) {}

    /** A member changed; only after {@link Client#watchMembers}. */
    default void onMember(Client client, Event.MemberChanged event) {}

    /** The daemon refused the session or a request. */
    default void onFailed(Client client, Event.Failed event) {}

    /** Something was lost because this side was too slow. */
    default void onDropped(Client client, Event.Dropped event) {}

    /** The daemon takes no messages of a type for now. */
    default void onPaused(Client client, Event.Paused event) {}

    /** The daemon takes messages of a type again. */
    default void onResumed(Client client, Event.Resumed event) {}

    /** The client is closed, and this was the last of its events. */
    default void onClosed(Client client) {}
}
