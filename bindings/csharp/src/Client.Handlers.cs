using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;

namespace Gossiperl
{
    /// <content>.NET events: a background thread of the client's own waits for batches and calls the handlers.</content>
    public sealed partial class Client
    {
        private const int Batch = 256;

        /// <summary>Milliseconds that background threads wait at a time: at its end Mono waits for them to come back from native code.</summary>
        internal const int Pause = 250;

        private int listening;

        /// <summary>There is a session with the daemon.</summary>
        public event EventHandler<ConnectedEvent> Connected;

        /// <summary>There is no session any more.</summary>
        public event EventHandler<DisconnectedEvent> Disconnected;

        /// <summary>The daemon serves event types.</summary>
        public event EventHandler<SubscribedEvent> Subscribed;

        /// <summary>The daemon serves event types no longer.</summary>
        public event EventHandler<UnsubscribedEvent> Unsubscribed;

        /// <summary>A message.</summary>
        public event EventHandler<Delivery> Delivered;

        /// <summary>A member changed.</summary>
        public event EventHandler<MemberEvent> MemberChanged;

        /// <summary>The daemon refused the session or a request.</summary>
        public event EventHandler<FailedEvent> Failed;

        /// <summary>Something was lost because this side was too slow.</summary>
        public event EventHandler<DroppedEvent> Dropped;

        /// <summary>The daemon takes no messages of a type for now.</summary>
        public event EventHandler<PausedEvent> Paused;

        /// <summary>The daemon takes messages of a type again.</summary>
        public event EventHandler<ResumedEvent> Resumed;

        /// <summary>A handler threw; without a handler of this event it is only traced. The other handlers are called all the same.</summary>
        public event EventHandler<HandlerFailedEventArgs> HandlerFailed;

        /// <summary>Starts to call the handlers of the events above, from what has happened since the client was made; set them first.</summary>
        /// <remarks>They are called one after the other on a background thread of this client's. A handler may take its time, throw, and call anything here; other
        /// clients go on meanwhile, and so do tasks. It ends when the client is closed and everything has been told, or is disposed of. Listening again does nothing.</remarks>
        public void Listen()
        {
            if (Volatile.Read(ref disposed) != 0)
            {
                throw GossiperlException.Closed();
            }
            if (Interlocked.Exchange(ref listening, 1) == 0)
            {
                new Thread(Tell) { IsBackground = true, Name = "gossiperl " + Name }.Start();
            }
        }

        private void Tell()
        {
            try
            {
                IReadOnlyList<Event> events;
                while ((events = NextEvents(Batch, TimeSpan.FromMilliseconds(Pause))) != null)
                {
                    foreach (Event happened in events)
                    {
                        if (Volatile.Read(ref disposed) != 0)
                        {
                            return;
                        }
                        Tell(happened);
                    }
                }
            }
            catch (GossiperlException error)
            {
                // Nothing more can be told: the client is the parent process's.
                Trace.TraceError("gossiperl: " + error.Message);
            }
        }

        private void Tell(Event happened)
        {
            switch (happened.Kind)
            {
                case EventKind.Delivery: Raise(Delivered, (Delivery)happened); break;
                case EventKind.Connected: Raise(Connected, (ConnectedEvent)happened); break;
                case EventKind.Disconnected: Raise(Disconnected, (DisconnectedEvent)happened); break;
                case EventKind.Subscribed: Raise(Subscribed, (SubscribedEvent)happened); break;
                case EventKind.Unsubscribed: Raise(Unsubscribed, (UnsubscribedEvent)happened); break;
                case EventKind.Member: Raise(MemberChanged, (MemberEvent)happened); break;
                case EventKind.Failed: Raise(Failed, (FailedEvent)happened); break;
                case EventKind.Dropped: Raise(Dropped, (DroppedEvent)happened); break;
                case EventKind.Paused: Raise(Paused, (PausedEvent)happened); break;
                case EventKind.Resumed: Raise(Resumed, (ResumedEvent)happened); break;
            }
        }

        private void Raise<T>(EventHandler<T> handlers, T happened)
            where T : Event
        {
            if (handlers == null)
            {
                return;
            }
            foreach (Delegate handler in handlers.GetInvocationList())
            {
                try
                {
                    ((EventHandler<T>)handler)(this, happened);
                }
                catch (Exception exception)
                {
                    Report(new HandlerFailedEventArgs(happened, exception));
                }
            }
        }

        private void Report(HandlerFailedEventArgs failure)
        {
            EventHandler<HandlerFailedEventArgs> handlers = HandlerFailed;
            try
            {
                if (handlers != null)
                {
                    handlers(this, failure);
                    return;
                }
            }
            catch (Exception exception)
            {
                Trace.TraceError("gossiperl: the handler of failed handlers failed: " + exception);
            }
            Trace.TraceError("gossiperl: a handler of client " + Name + " failed: " + failure.Exception);
        }
    }

    /// <summary>A handler threw.</summary>
    public sealed class HandlerFailedEventArgs : EventArgs
    {
        internal HandlerFailedEventArgs(Event happened, Exception exception)
        {
            Event = happened;
            Exception = exception;
        }

        /// <summary>What it was told.</summary>
        public Event Event { get; private set; }

        /// <summary>What it threw.</summary>
        public Exception Exception { get; private set; }
    }
}
