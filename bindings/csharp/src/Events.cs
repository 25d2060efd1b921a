using System;
using System.Collections.Generic;

namespace Gossiperl
{
    /// <summary>What an <see cref="Event"/> is.</summary>
    public enum EventKind
    {
        /// <summary>A <see cref="ConnectedEvent"/>.</summary>
        Connected = 1,
        /// <summary>A <see cref="DisconnectedEvent"/>.</summary>
        Disconnected = 2,
        /// <summary>A <see cref="SubscribedEvent"/>.</summary>
        Subscribed = 3,
        /// <summary>An <see cref="UnsubscribedEvent"/>.</summary>
        Unsubscribed = 4,
        /// <summary>A <see cref="Delivery"/>.</summary>
        Delivery = 5,
        /// <summary>A <see cref="MemberEvent"/>.</summary>
        Member = 6,
        /// <summary>A <see cref="FailedEvent"/>.</summary>
        Failed = 7,
        /// <summary>A <see cref="DroppedEvent"/>.</summary>
        Dropped = 8,
        /// <summary>A <see cref="PausedEvent"/>.</summary>
        Paused = 9,
        /// <summary>A <see cref="ResumedEvent"/>.</summary>
        Resumed = 10,
    }

    /// <summary>One thing that happened to a client. It does not change.</summary>
    public abstract class Event : EventArgs
    {
        internal Event(EventKind kind)
        {
            Kind = kind;
        }

        /// <summary>What it is.</summary>
        public EventKind Kind { get; private set; }

        /// <summary>All events of a batch.</summary>
        internal static unsafe Event[] All(EventsHandle batch)
        {
            UIntPtr length;
            Native.EventData* items = Native.gossiperl_events_items(batch, out length);
            var events = new Event[checked((int)length)];
            var types = new TypeNames();
            for (int index = 0; index < events.Length; index++)
            {
                events[index] = Of(items + index, types);
            }
            // The data must outlive the loop.
            GC.KeepAlive(batch);
            return events;
        }

        private static unsafe Event Of(Native.EventData* data, TypeNames types)
        {
            switch ((EventKind)data->kind)
            {
                case EventKind.Delivery: return new Delivery(data, types.Of(data->name));
                case EventKind.Connected: return new ConnectedEvent(NameText.Of(data->name), data->resumed != 0);
                case EventKind.Disconnected: return new DisconnectedEvent(Utf8.Text(data->payload));
                case EventKind.Subscribed: return new SubscribedEvent(NameText.All(data->names, data->names_length));
                case EventKind.Unsubscribed: return new UnsubscribedEvent(NameText.All(data->names, data->names_length));
                case EventKind.Member: return new MemberEvent((MemberChange)data->change, new Member(data->member));
                case EventKind.Failed:
                    return new FailedEvent(GossiperlException.Of(Native.gossiperl_error_result(data->error), data->error));
                case EventKind.Dropped: return new DroppedEvent(NameText.Of(data->name), (long)data->count);
                case EventKind.Paused: return new PausedEvent(NameText.Of(data->name));
                case EventKind.Resumed: return new ResumedEvent(NameText.Of(data->name));
                default: throw new InvalidOperationException("the native library is newer than this assembly: install one package");
            }
        }

        /// <summary>Makes one string of the same event type in many deliveries.</summary>
        private sealed class TypeNames
        {
            private byte[] bytes;
            private string text;

            internal unsafe string Of(Native.Bytes name)
            {
                if (text == null || !Same(name))
                {
                    bytes = Utf8.Copy(name);
                    text = NameText.Of(name);
                }
                return text;
            }

            private unsafe bool Same(Native.Bytes name)
            {
                if ((int)name.length != bytes.Length)
                {
                    return false;
                }
                for (int index = 0; index < bytes.Length; index++)
                {
                    if (name.data[index] != bytes[index])
                    {
                        return false;
                    }
                }
                return true;
            }
        }
    }

    /// <summary>There is a session with the daemon.</summary>
    public sealed class ConnectedEvent : Event
    {
        internal ConnectedEvent(string daemon, bool resumed)
            : base(EventKind.Connected)
        {
            Daemon = daemon;
            Resumed = resumed;
        }

        /// <summary>The daemon's member name.</summary>
        public string Daemon { get; private set; }

        /// <summary>Whether the daemon still had the session, and nothing had to be sent again.</summary>
        public bool Resumed { get; private set; }
    }

    /// <summary>There is no session any more. The client goes on trying; publishing waits, subscriptions come back.</summary>
    public sealed class DisconnectedEvent : Event
    {
        internal DisconnectedEvent(string reason)
            : base(EventKind.Disconnected)
        {
            Reason = reason;
        }

        /// <summary>Why, as a sentence.</summary>
        public string Reason { get; private set; }
    }

    /// <summary>The daemon serves these event types: asked for, or brought back after a reconnection.</summary>
    public sealed class SubscribedEvent : Event
    {
        internal SubscribedEvent(string[] eventTypes)
            : base(EventKind.Subscribed)
        {
            EventTypes = eventTypes;
        }

        /// <summary>The types.</summary>
        public IReadOnlyList<string> EventTypes { get; private set; }
    }

    /// <summary>The daemon serves these event types no longer.</summary>
    public sealed class UnsubscribedEvent : Event
    {
        internal UnsubscribedEvent(string[] eventTypes)
            : base(EventKind.Unsubscribed)
        {
            EventTypes = eventTypes;
        }

        /// <summary>The types.</summary>
        public IReadOnlyList<string> EventTypes { get; private set; }
    }

    /// <summary>A message.</summary>
    public sealed class Delivery : Event
    {
        internal unsafe Delivery(Native.EventData* data, string eventType)
            : base(EventKind.Delivery)
        {
            EventType = eventType;
            Payload = Utf8.Copy(data->payload);
            byte[] envelope = data->envelope_id.data == null ? null : Utf8.Copy(data->envelope_id);
            Id = new MessageId(data->publisher, data->sequence, envelope);
        }

        /// <summary>The event type it was published under.</summary>
        public string EventType { get; private set; }

        /// <summary>What was published, 0 to 60,000 bytes. It is the application's.</summary>
        public byte[] Payload { get; private set; }

        /// <summary>What makes it the same message.</summary>
        public MessageId Id { get; private set; }

        /// <summary>The payload read as a digest of typed fields.</summary>
        /// <exception cref="GossiperlArgumentException">It is none.</exception>
        public Digest Digest()
        {
            return Gossiperl.Digest.Read(Payload);
        }
    }

    /// <summary>What makes a message the same one: each client sees each id once.</summary>
    public struct MessageId : IEquatable<MessageId>
    {
        private readonly byte[] envelope;

        internal MessageId(long publisher, long sequence, byte[] envelope)
        {
            Publisher = publisher;
            Sequence = sequence;
            this.envelope = envelope;
        }

        /// <summary>Protocol 2: made at random, once in the life of the client that published it.</summary>
        public long Publisher { get; }

        /// <summary>Protocol 2: rising from one message of the publisher to the next, not necessarily by one.</summary>
        public long Sequence { get; }

        /// <summary>Protocol 1: the envelope's id; null in protocol 2.</summary>
        public byte[] Envelope
        {
            get { return envelope == null ? null : (byte[])envelope.Clone(); }
        }

        /// <inheritdoc/>
        public bool Equals(MessageId other)
        {
            return Publisher == other.Publisher && Sequence == other.Sequence && ToString() == other.ToString();
        }

        /// <inheritdoc/>
        public override bool Equals(object other)
        {
            return other is MessageId && Equals((MessageId)other);
        }

        /// <inheritdoc/>
        public override int GetHashCode()
        {
            return ToString().GetHashCode();
        }

        /// <summary>Its bytes in hexadecimal.</summary>
        public override string ToString()
        {
            return envelope == null
                ? Publisher.ToString("x16") + "-" + Sequence.ToString("x16")
                : BitConverter.ToString(envelope).Replace("-", "").ToLowerInvariant();
        }
    }

    /// <summary>A member changed; only after <see cref="Client.WatchMembersAsync"/>.</summary>
    public sealed class MemberEvent : Event
    {
        internal MemberEvent(MemberChange change, Member member)
            : base(EventKind.Member)
        {
            Change = change;
            Member = member;
        }

        /// <summary>What happened.</summary>
        public MemberChange Change { get; private set; }

        /// <summary>The member as it is now.</summary>
        public Member Member { get; private set; }
    }

    /// <summary>The daemon refused the session or a request. A refused session is asked for again, ever more rarely.</summary>
    public sealed class FailedEvent : Event
    {
        internal FailedEvent(GossiperlException error)
            : base(EventKind.Failed)
        {
            Error = error;
        }

        /// <summary>What was refused. It was not thrown.</summary>
        public GossiperlException Error { get; private set; }
    }

    /// <summary>Something was lost because this side was too slow.</summary>
    public sealed class DroppedEvent : Event
    {
        internal DroppedEvent(string eventType, long count)
            : base(EventKind.Dropped)
        {
            EventType = eventType;
            Count = count;
        }

        /// <summary>The type of the deliveries; null: events other than deliveries.</summary>
        public string EventType { get; private set; }

        /// <summary>How many since the last such event.</summary>
        public long Count { get; private set; }
    }

    /// <summary>The daemon takes no messages of this type for now: a subscriber is too slow.</summary>
    public sealed class PausedEvent : Event
    {
        internal PausedEvent(string eventType)
            : base(EventKind.Paused)
        {
            EventType = eventType;
        }

        /// <summary>The type.</summary>
        public string EventType { get; private set; }
    }

    /// <summary>The daemon takes messages of this type again.</summary>
    public sealed class ResumedEvent : Event
    {
        internal ResumedEvent(string eventType)
            : base(EventKind.Resumed)
        {
            EventType = eventType;
        }

        /// <summary>The type.</summary>
        public string EventType { get; private set; }
    }
}
