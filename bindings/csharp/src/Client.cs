using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Gossiperl
{
    /// <summary>Where a <see cref="Client"/> stands.</summary>
    public enum ClientState
    {
        /// <summary>No session yet, or none any more; the client goes on trying.</summary>
        Connecting = 1,
        /// <summary>A session with the daemon.</summary>
        Connected = 2,
        /// <summary>Closed, or closing.</summary>
        Closed = 3,
    }

    /// <summary>A client of one overlay: publishes, subscribes, and knows the members, through the daemon of this host.</summary>
    /// <remarks>
    /// Every member may be used from any thread, several at once. What happened is told in one of three ways, which share the events: <see cref="Events"/> one after the other,
    /// <see cref="NextEvents"/> in batches, or <see cref="Listen"/> as .NET events. Messages wait until they are read; <see cref="ClientOptions.DeliveryBuffer"/> bounds them.
    /// Methods throw <see cref="GossiperlException"/>; those whose name ends in Async put it into their task. A cancelled operation is broken off where it is:
    /// what was published may still be delivered.
    /// </remarks>
    public sealed partial class Client : IDisposable
    {
        private readonly ClientHandle handle;
        private readonly string name;
        private readonly string overlay;
        private int disposed;

        private Client(ClientHandle handle)
        {
            this.handle = handle;
            name = NameText.Of(Native.gossiperl_client_name(handle));
            overlay = Utf8.Text(Native.gossiperl_client_overlay(handle));
            Events = new EventSequence(this);
        }

        /// <summary>Makes a client and waits for its first session, <see cref="ClientOptions.ConnectTimeout"/> at most.</summary>
        public static Client Connect(ClientOptions options)
        {
            using (OptionsHandle native = Checked(options))
            {
                IntPtr client;
                IntPtr error;
                GossiperlException.Check(Native.gossiperl_connect(native, out client, out error), error);
                return new Client(new ClientHandle(client));
            }
        }

        /// <summary>As <see cref="Connect"/>.</summary>
        public static async Task<Client> ConnectAsync(ClientOptions options, CancellationToken cancellation = default(CancellationToken))
        {
            using (OptionsHandle native = Checked(options))
            {
                Operations.Start start = (IntPtr queue, long token, out IntPtr error) =>
                    Native.gossiperl_connect_async(queue, token, native, out error);
                return new Client(await Operations.Run<ClientHandle>(start, Operations.Client, cancellation).ConfigureAwait(false));
            }
        }

        /// <summary>Makes a client without waiting: the daemon may come later. What is published waits until then.</summary>
        public static Client Start(ClientOptions options)
        {
            using (OptionsHandle native = Checked(options))
            {
                IntPtr client;
                IntPtr error;
                GossiperlException.Check(Native.gossiperl_start(native, out client, out error), error);
                return new Client(new ClientHandle(client));
            }
        }

        /// <summary>The version of the native library.</summary>
        public static string Version
        {
            get
            {
                Native.Load();
                return LibraryVersion();
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static string LibraryVersion()
        {
            return Utf8.Text(Native.gossiperl_version());
        }

        /// <summary>The client's name.</summary>
        public string Name
        {
            get { return name; }
        }

        /// <summary>What the application calls the overlay; null where it did not say.</summary>
        public string Overlay
        {
            get { return overlay; }
        }

        /// <summary>Where it stands.</summary>
        public ClientState State
        {
            get
            {
                string daemon;
                return Standing(out daemon);
            }
        }

        /// <summary>The name of the daemon that there is a session with; null where there is none.</summary>
        public string Daemon
        {
            get
            {
                string daemon;
                Standing(out daemon);
                return daemon;
            }
        }

        /// <summary>Adds a key of the overlay's ring to those the client opens with.</summary>
        public void AddKey(byte[] key)
        {
            Call((out IntPtr error) => Native.gossiperl_add_key(handle, key, Utf8.Length(key), out error));
        }

        /// <summary>Waits for events and takes at most <paramref name="max"/> of them, in the order they came: the fastest way to read many.</summary>
        /// <param name="max">At least 1.</param>
        /// <param name="timeout">How long to wait; null is no limit.</param>
        /// <returns>Empty when the time is over; null when the client is closed and everything has been read.</returns>
        public IReadOnlyList<Event> NextEvents(int max, TimeSpan? timeout = null)
        {
            Positive(max);
            IntPtr events = IntPtr.Zero;
            Call((out IntPtr error) => Native.gossiperl_next_events(handle, (UIntPtr)max, Milliseconds(timeout), out events, out error), true);
            return events == IntPtr.Zero ? null : Taken(new EventsHandle(events));
        }

        /// <summary>As <see cref="NextEvents"/>.</summary>
        public async Task<IReadOnlyList<Event>> NextEventsAsync(
            int max, TimeSpan? timeout = null, CancellationToken cancellation = default(CancellationToken))
        {
            Positive(max);
            if (Volatile.Read(ref disposed) != 0)
            {
                return null;
            }
            Operations.Start start = (IntPtr queue, long token, out IntPtr error) =>
                Native.gossiperl_next_events_async(queue, token, handle, (UIntPtr)max, Milliseconds(timeout), out error);
            EventsHandle events = await Operations.Run<EventsHandle>(start, Operations.Events, cancellation).ConfigureAwait(false);
            return events == null ? null : Taken(events);
        }

        /// <summary>Everything that happens, one after the other. Several readers share it.</summary>
        /// <example><code>
        /// using (EventReader reader = client.Events.GetAsyncEnumerator())
        /// {
        ///     while (await reader.MoveNextAsync())
        ///     {
        ///         if (reader.Current is Delivery delivery) Console.WriteLine(delivery.EventType);
        ///     }
        /// }
        /// </code>From C# 8 on: <c>await foreach (Event happened in client.Events)</c>.</example>
        public EventSequence Events { get; private set; }

        /// <summary>Closes: waits until what was published is acknowledged, but no longer than <see cref="ClientOptions.CloseTimeout"/>, and says goodbye to the daemon. What was
        /// delivered can still be read. Closing again does nothing. It may be called by a handler.</summary>
        public void Close()
        {
            Call((out IntPtr error) => Native.gossiperl_close(handle, out error), true);
        }

        /// <summary>As <see cref="Close"/>.</summary>
        public Task CloseAsync()
        {
            if (Volatile.Read(ref disposed) != 0)
            {
                return Task.FromResult(true);
            }
            return Run((IntPtr queue, long token, out IntPtr error) => Native.gossiperl_close_async(queue, token, handle, out error), CancellationToken.None);
        }

        /// <summary>Closes, and frees what the client holds. Whatever was not read is gone.</summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref disposed, 1) != 0)
            {
                return;
            }
            try
            {
                IntPtr error;
                int result = Native.gossiperl_close(handle, out error);
                if (result != 0)
                {
                    // It is freed all the same, and Dispose must not throw.
                    Native.gossiperl_error_free(error);
                }
            }
            finally
            {
                // Calls under way still have it.
                handle.Dispose();
            }
        }

        private delegate int Function(out IntPtr error);

        private void Call(Function function, bool nothingWhereDisposed = false)
        {
            if (Volatile.Read(ref disposed) != 0)
            {
                if (nothingWhereDisposed)
                {
                    return;
                }
                throw GossiperlException.Closed();
            }
            try
            {
                IntPtr error;
                GossiperlException.Check(function(out error), error);
            }
            catch (ObjectDisposedException)
            {
                if (!nothingWhereDisposed)
                {
                    throw GossiperlException.Closed();
                }
            }
        }

        private Task Run(Operations.Start start, CancellationToken cancellation)
        {
            return Run<bool>(start, Operations.Nothing, cancellation);
        }

        private Task<T> Run<T>(Operations.Start start, Operations.Take<T> take, CancellationToken cancellation)
        {
            if (Volatile.Read(ref disposed) != 0)
            {
                return Task.FromException<T>(GossiperlException.Closed());
            }
            return Operations.Run(start, take, cancellation);
        }

        private ClientState Standing(out string daemon)
        {
            daemon = null;
            var bytes = new byte[255];
            UIntPtr length;
            int state;
            try
            {
                if (Volatile.Read(ref disposed) != 0)
                {
                    return ClientState.Closed;
                }
                state = Native.gossiperl_client_state(handle, bytes, (UIntPtr)bytes.Length, out length);
            }
            catch (ObjectDisposedException)
            {
                return ClientState.Closed;
            }
            if (state == (int)ClientState.Connected)
            {
                daemon = Named(bytes, Math.Min((int)length, bytes.Length));
            }
            return (ClientState)state;
        }

        private static unsafe string Named(byte[] bytes, int length)
        {
            fixed (byte* data = bytes)
            {
                return NameText.Of(new Native.Bytes { data = data, length = (UIntPtr)length });
            }
        }

        private static IReadOnlyList<Event> Taken(EventsHandle events)
        {
            using (events)
            {
                return Event.All(events);
            }
        }

        private static OptionsHandle Checked(ClientOptions options)
        {
            if (options == null)
            {
                throw new ArgumentNullException(nameof(options));
            }
            return options.ToHandle();
        }

        private static void Positive(int max)
        {
            if (max < 1)
            {
                throw new ArgumentOutOfRangeException(nameof(max), max, "give at least 1");
            }
        }

        /// <summary>As the library takes it: whole milliseconds, rounded up, and a negative one where there is no limit.</summary>
        private static long Milliseconds(TimeSpan? timeout)
        {
            if (timeout == null || timeout.Value == Timeout.InfiniteTimeSpan)
            {
                return -1;
            }
            if (timeout.Value < TimeSpan.Zero)
            {
                throw new ArgumentOutOfRangeException(nameof(timeout), timeout.Value, "give a time of 0 or more, or null for no limit");
            }
            return (timeout.Value.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond;
        }
    }
}
