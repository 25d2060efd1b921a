package com.gossiperl.client;

import java.util.List;
import java.util.Optional;

/** Something that happened: one of the classes within, or a {@link Delivery}. Events of one client come in the order in which they happened. */
public abstract class Event {
    Event() {}

    /** Calls the listener's method for it. */
    abstract void tell(Client client, Listener listener);

    static Event read(Reader reader) {
        switch (reader.u8()) {
            case 1:
                return new Connected(reader);
            case 2:
                return new Disconnected(reader);
            case 3:
                return new Subscribed(reader);
            case 4:
                return new Unsubscribed(reader);
            case 5:
                return new Delivery(reader);
            case 6:
                return new MemberChanged(reader);
            case 7:
                return new Failed(reader);
            case 8:
                return new Dropped(reader);
            case 9:
                return new Paused(reader);
            case 10:
                return new Resumed(reader);
            default:
                throw new IllegalStateException("the native library and the classes are of different versions: use one jar");
        }
    }

    /** There is a session with the daemon. */
    public static final class Connected extends Event {
        private final String daemon;
        private final boolean resumed;

        Connected(Reader reader) {
            daemon = reader.text();
            resumed = reader.bool();
        }

        /** The daemon's member name. */
        public String daemon() {
            return daemon;
        }

        /** True where the daemon still had the session, and nothing had to be sent again. */
        public boolean resumed() {
            return resumed;
        }

        @Override
        void tell(Client client, Listener listener) {
            listener.onConnected(client, this);
        }

        @Override
        public String toString() {
            return "Connected(" + daemon + ")";
        }
    }

    /** There is no session any more. The client goes on trying; publishing waits, subscriptions come back. */
    public static final class Disconnected extends Event {
        private final String reason;

        Disconnected(Reader reader) {
            reason = reader.text();
        }

        /** Why, as a sentence. */
        public String reason() {
            return reason;
        }

        @Override
        void tell(Client client, Listener listener) {
            listener.onDisconnected(client, this);
        }

        @Override
        public String toString() {
            return "Disconnected(" + reason + ")";
        }
    }

    /** The daemon serves these event types: asked for, or brought back after a reconnection. */
    public static final class Subscribed extends Event {
        private final List<String> types;

        Subscribed(Reader reader) {
            types = reader.list(Reader::text);
        }

        /** The event types. */
        public List<String> types() {
            return types;
        }

        @Override
        void tell(Client client, Listener listener) {
            listener.onSubscribed(client, this);
        }

        @Override
        public String toString() {
            return "Subscribed(" + types + ")";
        }
    }

    /** The daemon serves these event types no longer. */
    public static final class Unsubscribed extends Event {
        private final List<String> types;

        Unsubscribed(Reader reader) {
            types = reader.list(Reader::text);
        }

        /** The event types. */
        public List<String> types() {
            return types;
        }

        @Override
        void tell(Client client, Listener listener) {
            listener.onUnsubscribed(client, this);
        }

        @Override
        public String toString() {
            return "Unsubscribed(" + types + ")";
        }
    }

    /** A member changed; only after {@link Client#watchMembers}. */
    public static final class MemberChanged extends Event {
        private final MemberChange change;
        private final Member member;

        MemberChanged(Reader reader) {
            change = MemberChange.of(reader.u8());
            member = new Member(reader);
        }

        /** What happened. */
        public MemberChange change() {
            return change;
        }

        /** The member as it is now. */
        public Member member() {
            return member;
        }

        @Override
        void tell(Client client, Listener listener) {
            listener.onMember(client, this);
        }

        @Override
        public String toString() {
            return "MemberChanged(" + change + ", " + member + ")";
        }
    }

    /** The daemon refused the session or a request. A refused session is asked for again, ever more rarely. */
    public static final class Failed extends Event {
        private final GossiperlException error;

        Failed(Reader reader) {
            error = GossiperlException.read(reader);
        }

        /** What went wrong. */
        public GossiperlException error() {
            return error;
        }

        @Override
        void tell(Client client, Listener listener) {
            listener.onFailed(client, this);
        }

        @Override
        public String toString() {
            return "Failed(" + error.getMessage() + ")";
        }
    }

    /** Something was lost because this side was too slow. */
    public static final class Dropped extends Event {
        private final String type;
        private final long count;

        Dropped(Reader reader) {
            type = reader.bool() ? reader.text() : null;
            count = reader.i64();
        }

        /** Deliveries of this event type, by {@link Options.SlowPolicy#DROP_OLDEST}; empty: events other than deliveries. */
        public Optional<String> type() {
            return Optional.ofNullable(type);
        }

        /** How many since the last such event. */
        public long count() {
            return count;
        }

        @Override
        void tell(Client client, Listener listener) {
            listener.onDropped(client, this);
        }

        @Override
        public String toString() {
            return "Dropped(" + (type == null ? "events" : type) + ", " + count + ")";
        }
    }

    /** The daemon takes no messages of this type for now: a subscriber is too slow. */
    public static final class Paused extends Event {
        private final String type;

        Paused(Reader reader) {
            type = reader.text();
        }

        /** The event type. */
        public String type() {
            return type;
        }

        @Override
        void tell(Client client, Listener listener) {
            listener.onPaused(client, this);
        }

        @Override
        public String toString() {
            return "Paused(" + type + ")";
        }
    }

    /** The daemon takes messages of this type again. */
    public static final class Resumed extends Event {
        private final String type;

        Resumed(Reader reader) {
            type = reader.text();
        }

        /** The event type. */
        public String type() {
            return type;
        }

        @Override
        void tell(Client client, Listener listener) {
            listener.onResumed(client, this);
        }

        @Override
        public String toString() {
            return "Resumed(" + type + ")";
        }
    }
}
