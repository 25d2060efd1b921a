using System;
using System.Collections.Concurrent;
using System.Threading;
using System.Threading.Tasks;

namespace Gossiperl
{
    /// <summary>Operations without waiting: each has a token, and one background thread for all clients takes their ends from the native queue and completes their tasks.</summary>
    /// <remarks>Continuations run on the thread pool, never on that thread, so nothing that an application does can hold up others.</remarks>
    internal static unsafe class Operations
    {
        /// <summary>Starts an operation under a token.</summary>
        internal delegate int Start(IntPtr queue, long token, out IntPtr error);

        /// <summary>Takes what a completion of a batch gives.</summary>
        internal delegate T Take<T>(IntPtr batch, UIntPtr index);

        private const int Most = 256;

        private static readonly ConcurrentDictionary<long, IOperation> UnderWay = new ConcurrentDictionary<long, IOperation>();
        private static readonly IntPtr Queue = Open();
        private static long last;

        private interface IOperation
        {
            void Complete(IntPtr batch, UIntPtr index, Native.CompletionData* completion);
        }

        internal static Task<T> Run<T>(Start start, Take<T> take, CancellationToken cancellation)
        {
            if (cancellation.IsCancellationRequested)
            {
                return Task.FromCanceled<T>(cancellation);
            }
            long token = Interlocked.Increment(ref last);
            var operation = new Operation<T>(take);
            UnderWay[token] = operation;
            try
            {
                IntPtr error;
                GossiperlException.Check(start(Queue, token, out error), error);
            }
            catch (Exception exception)
            {
                IOperation gone;
                UnderWay.TryRemove(token, out gone);
                operation.TrySetException(exception is ObjectDisposedException ? GossiperlException.Closed() : exception);
                return operation.Task;
            }
            if (cancellation.CanBeCanceled)
            {
                CancellationTokenRegistration registration = cancellation.Register(() => Cancel(token, operation, cancellation));
                operation.Task.ContinueWith(_ => registration.Dispose(), TaskScheduler.Default);
            }
            return operation.Task;
        }

        /// <summary>What an operation gives that gives nothing.</summary>
        internal static bool Nothing(IntPtr batch, UIntPtr index)
        {
            return true;
        }

        internal static ClientHandle Client(IntPtr batch, UIntPtr index)
        {
            return new ClientHandle(Native.gossiperl_completions_take_client(batch, index));
        }

        /// <summary>The events; null at their end.</summary>
        internal static EventsHandle Events(IntPtr batch, UIntPtr index)
        {
            IntPtr events = Native.gossiperl_completions_take_events(batch, index);
            return events == IntPtr.Zero ? null : new EventsHandle(events);
        }

        internal static string[] Names(IntPtr batch, UIntPtr index)
        {
            return TakeNames(Native.gossiperl_completions_take_names(batch, index));
        }

        internal static Member[] Members(IntPtr batch, UIntPtr index)
        {
            return TakeMembers(Native.gossiperl_completions_take_members(batch, index));
        }

        /// <summary>The names of a list, which is freed.</summary>
        internal static string[] TakeNames(IntPtr names)
        {
            try
            {
                UIntPtr length;
                Native.Bytes* items = Native.gossiperl_names_items(names, out length);
                return NameText.All(items, length);
            }
            finally
            {
                Native.gossiperl_names_free(names);
            }
        }

        /// <summary>The members of a list, which is freed.</summary>
        internal static Member[] TakeMembers(IntPtr members)
        {
            try
            {
                return Member.All(members);
            }
            finally
            {
                Native.gossiperl_members_free(members);
            }
        }

        private static IntPtr Open()
        {
            IntPtr queue = Native.gossiperl_queue_new();
            // It must not keep the process alive, and needs little.
            new Thread(() => Complete(queue), 256 * 1024) { IsBackground = true, Name = "gossiperl tasks" }.Start();
            return queue;
        }

        private static void Complete(IntPtr queue)
        {
            while (true)
            {
                IntPtr batch;
                IntPtr error;
                GossiperlException.Check(Native.gossiperl_completions_next(queue, (UIntPtr)Most, Gossiperl.Client.Pause, out batch, out error), error);
                UIntPtr length;
                Native.CompletionData* items = Native.gossiperl_completions_items(batch, out length);
                for (int index = 0; index < (int)length; index++)
                {
                    IOperation operation;
                    if (UnderWay.TryRemove(items[index].token, out operation))
                    {
                        operation.Complete(batch, (UIntPtr)index, items + index);
                    }
                }
                Native.gossiperl_completions_free(batch);
            }
        }

        private static void Cancel<T>(long token, Operation<T> operation, CancellationToken cancellation)
        {
            IOperation gone;
            if (Native.gossiperl_cancel(Queue, token) && UnderWay.TryRemove(token, out gone))
            {
                operation.TrySetCanceled(cancellation);
            }
        }

        private sealed class Operation<T> : TaskCompletionSource<T>, IOperation
        {
            private readonly Take<T> take;

            internal Operation(Take<T> take)
                : base(TaskCreationOptions.RunContinuationsAsynchronously)
            {
                this.take = take;
            }

            public void Complete(IntPtr batch, UIntPtr index, Native.CompletionData* completion)
            {
                try
                {
                    if (completion->result == 0)
                    {
                        TrySetResult(take(batch, index));
                    }
                    else
                    {
                        TrySetException(GossiperlException.Of(completion->result, completion->error));
                    }
                }
                catch (Exception exception)
                {
                    TrySetException(exception);
                }
            }
        }
    }
}
