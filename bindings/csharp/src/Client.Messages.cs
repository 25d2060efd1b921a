using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Gossiperl
{
    /// <content>Subscriptions, messages and members. A timeout of null is no limit.</content>
    public sealed partial class Client
    {
        /// <summary>Subscribes, and waits until the daemon serves the types; while there is no session, until there is one. Those subscribed to already are left as they are.</summary>
        public void Subscribe(params string[] eventTypes)
        {
            Subscribe(eventTypes, null);
        }

        /// <summary>As the other one, with a timeout: after it the types may be subscribed to.</summary>
        public unsafe void Subscribe(string[] eventTypes, TimeSpan? timeout)
        {
            using (var names = new NameArguments(eventTypes))
            {
                Call((out IntPtr error) => Native.gossiperl_subscribe(handle, names.First, names.Count, Milliseconds(timeout), out error));
            }
        }

        /// <summary>As <see cref="Subscribe(string[])"/>.</summary>
        public Task SubscribeAsync(params string[] eventTypes)
        {
            return SubscribeAsync(eventTypes, CancellationToken.None);
        }

        /// <summary>As <see cref="Subscribe(string[])"/>.</summary>
        public unsafe Task SubscribeAsync(string[] eventTypes, CancellationToken cancellation)
        {
            return Named(eventTypes, names => Run(
                (IntPtr queue, long token, out IntPtr error) =>
                    Native.gossiperl_subscribe_async(queue, token, handle, names.First, names.Count, out error),
                cancellation));
        }

        /// <summary>Ends subscriptions, and waits until the daemon knows. What was delivered before is still read. Types not subscribed to are left out.</summary>
        public void Unsubscribe(params string[] eventTypes)
        {
            Unsubscribe(eventTypes, null);
        }

        /// <summary>As the other one, with a timeout.</summary>
        public unsafe void Unsubscribe(string[] eventTypes, TimeSpan? timeout)
        {
            using (var names = new NameArguments(eventTypes))
            {
                Call((out IntPtr error) => Native.gossiperl_unsubscribe(handle, names.First, names.Count, Milliseconds(timeout), out error));
            }
        }

        /// <summary>As <see cref="Unsubscribe(string[])"/>.</summary>
        public Task UnsubscribeAsync(params string[] eventTypes)
        {
            return UnsubscribeAsync(eventTypes, CancellationToken.None);
        }

        /// <summary>As <see cref="Unsubscribe(string[])"/>.</summary>
        public unsafe Task UnsubscribeAsync(string[] eventTypes, CancellationToken cancellation)
        {
            return Named(eventTypes, names => Run(
                (IntPtr queue, long token, out IntPtr error) =>
                    Native.gossiperl_unsubscribe_async(queue, token, handle, names.First, names.Count, out error),
                cancellation));
        }

        /// <summary>The event types subscribed to, by name. Waits for changes under way.</summary>
        public IReadOnlyList<string> Subscriptions(TimeSpan? timeout = null)
        {
            IntPtr names = IntPtr.Zero;
            Call((out IntPtr error) => Native.gossiperl_subscriptions(handle, Milliseconds(timeout), out names, out error));
            return Operations.TakeNames(names);
        }

        /// <summary>As <see cref="Subscriptions"/>.</summary>
        public async Task<IReadOnlyList<string>> SubscriptionsAsync(CancellationToken cancellation = default(CancellationToken))
        {
            return await Run<string[]>(
                (IntPtr queue, long token, out IntPtr error) => Native.gossiperl_subscriptions_async(queue, token, handle, out error),
                Operations.Names,
                cancellation).ConfigureAwait(false);
        }

        /// <summary>Publishes one message, and waits until the daemon has taken responsibility for it.</summary>
        /// <param name="eventType">Its type, 1 to 255 bytes.</param>
        /// <param name="payload">0 to 60,000 bytes; null is an empty one.</param>
        /// <param name="timeout">After it the message may still be delivered.</param>
        public void Publish(string eventType, byte[] payload, TimeSpan? timeout = null)
        {
            byte[] type = NameText.Bytes(eventType);
            Call((out IntPtr error) => Native.gossiperl_publish(
                handle, type, Utf8.Length(type), payload, Utf8.Length(payload), Milliseconds(timeout), out error));
        }

        /// <summary>Publishes typed fields.</summary>
        public void Publish(string eventType, Digest digest, TimeSpan? timeout = null)
        {
            Publish(eventType, Written(digest), timeout);
        }

        /// <summary>As <see cref="Publish(string, byte[], TimeSpan?)"/>. Messages are sent in the order of the calls.</summary>
        public Task PublishAsync(string eventType, byte[] payload, CancellationToken cancellation = default(CancellationToken))
        {
            return Typed(eventType, type => Run(
                (IntPtr queue, long token, out IntPtr error) => Native.gossiperl_publish_async(
                    queue, token, handle, type, Utf8.Length(type), payload, Utf8.Length(payload), out error),
                cancellation));
        }

        /// <summary>Publishes typed fields.</summary>
        public Task PublishAsync(string eventType, Digest digest, CancellationToken cancellation = default(CancellationToken))
        {
            return PublishAsync(eventType, Written(digest), cancellation);
        }

        /// <summary>Hands over one message as soon as there is room, and does not wait for its acknowledgement: <see cref="Flush"/> does, and tells what failed.</summary>
        /// <param name="eventType">Its type, 1 to 255 bytes.</param>
        /// <param name="payload">0 to 60,000 bytes; null is an empty one.</param>
        /// <param name="timeout">After it nothing was sent. 0: now, or a <see cref="GossiperlBusyException"/>.</param>
        public void Send(string eventType, byte[] payload, TimeSpan? timeout = null)
        {
            if (Volatile.Read(ref disposed) != 0)
            {
                throw GossiperlException.Closed();
            }
            byte[] type = TypeBytes(eventType);
            IntPtr error;
            int result;
            try
            {
                result = Native.gossiperl_send(handle, type, Utf8.Length(type), payload, Utf8.Length(payload), Milliseconds(timeout), out error);
            }
            catch (ObjectDisposedException)
            {
                throw GossiperlException.Closed();
            }
            GossiperlException.Check(result, error);
        }

        /// <summary>Hands over typed fields.</summary>
        public void Send(string eventType, Digest digest, TimeSpan? timeout = null)
        {
            Send(eventType, Written(digest), timeout);
        }

        /// <summary>As <see cref="Send(string, byte[], TimeSpan?)"/>. Messages are sent in the order of the calls.</summary>
        public Task SendAsync(string eventType, byte[] payload, CancellationToken cancellation = default(CancellationToken))
        {
            return Typed(eventType, type => Run(
                (IntPtr queue, long token, out IntPtr error) => Native.gossiperl_send_async(
                    queue, token, handle, type, Utf8.Length(type), payload, Utf8.Length(payload), out error),
                cancellation));
        }

        /// <summary>Waits until the daemon has taken responsibility for everything published so far. Throws the first failure since the last flush.</summary>
        public void Flush(TimeSpan? timeout = null)
        {
            Call((out IntPtr error) => Native.gossiperl_flush(handle, Milliseconds(timeout), out error));
        }

        /// <summary>As <see cref="Flush"/>.</summary>
        public Task FlushAsync(CancellationToken cancellation = default(CancellationToken))
        {
            return Run((IntPtr queue, long token, out IntPtr error) => Native.gossiperl_flush_async(queue, token, handle, out error), cancellation);
        }

        /// <summary>The members as the daemon knows them now.</summary>
        public IReadOnlyList<Member> Members(TimeSpan? timeout = null)
        {
            IntPtr members = IntPtr.Zero;
            Call((out IntPtr error) => Native.gossiperl_members(handle, Milliseconds(timeout), out members, out error));
            return Operations.TakeMembers(members);
        }

        /// <summary>As <see cref="Members"/>.</summary>
        public async Task<IReadOnlyList<Member>> MembersAsync(CancellationToken cancellation = default(CancellationToken))
        {
            return await Run<Member[]>(
                (IntPtr queue, long token, out IntPtr error) => Native.gossiperl_members_async(queue, token, handle, out error),
                Operations.Members,
                cancellation).ConfigureAwait(false);
        }

        /// <summary>The members as they are now; every change from now on is a <see cref="MemberEvent"/>.</summary>
        public IReadOnlyList<Member> WatchMembers(TimeSpan? timeout = null)
        {
            IntPtr members = IntPtr.Zero;
            Call((out IntPtr error) => Native.gossiperl_watch_members(handle, Milliseconds(timeout), out members, out error));
            return Operations.TakeMembers(members);
        }

        /// <summary>As <see cref="WatchMembers"/>.</summary>
        public async Task<IReadOnlyList<Member>> WatchMembersAsync(CancellationToken cancellation = default(CancellationToken))
        {
            return await Run<Member[]>(
                (IntPtr queue, long token, out IntPtr error) => Native.gossiperl_watch_members_async(queue, token, handle, out error),
                Operations.Members,
                cancellation).ConfigureAwait(false);
        }

        /// <summary>Lets the work under way come to its end before closing: ends all subscriptions, and waits until everything published is acknowledged. Throws the first failure since
        /// the last flush.</summary>
        public void Drain(TimeSpan? timeout = null)
        {
            Call((out IntPtr error) => Native.gossiperl_drain(handle, Milliseconds(timeout), out error));
        }

        /// <summary>As <see cref="Drain"/>.</summary>
        public Task DrainAsync(CancellationToken cancellation = default(CancellationToken))
        {
            return Run((IntPtr queue, long token, out IntPtr error) => Native.gossiperl_drain_async(queue, token, handle, out error), cancellation);
        }

        private static byte[] Written(Digest digest)
        {
            if (digest == null)
            {
                throw new ArgumentNullException(nameof(digest));
            }
            return digest.ToBytes();
        }

        /// <summary>The bytes of an event type; those of the last one are kept.</summary>
        private byte[] TypeBytes(string eventType)
        {
            KeyValuePair<string, byte[]>[] kept = lastType;
            if (kept != null && kept[0].Key == eventType)
            {
                return kept[0].Value;
            }
            byte[] bytes = NameText.Bytes(eventType);
            // One reference, so that no other thread sees half of it.
            lastType = new[] { new KeyValuePair<string, byte[]>(eventType, bytes) };
            return bytes;
        }

        private volatile KeyValuePair<string, byte[]>[] lastType;

        private static Task Typed(string eventType, Func<byte[], Task> run)
        {
            byte[] type;
            try
            {
                type = NameText.Bytes(eventType);
            }
            catch (GossiperlException wrong)
            {
                return Task.FromException(wrong);
            }
            return run(type);
        }

        private static Task Named(string[] eventTypes, Func<NameArguments, Task> run)
        {
            NameArguments names;
            try
            {
                names = new NameArguments(eventTypes);
            }
            catch (GossiperlException wrong)
            {
                return Task.FromException(wrong);
            }
            // They are copied before the operation is under way.
            using (names)
            {
                return run(names);
            }
        }
    }
}
