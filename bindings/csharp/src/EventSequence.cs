using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Gossiperl
{
    /// <summary>What goes on one item after the other, each waited for: IAsyncEnumerator's shape, for frameworks that lack it.</summary>
    public interface IAsyncReader<out T> : IDisposable
    {
        /// <summary>The item that <see cref="MoveNextAsync"/> came to.</summary>
        T Current { get; }

        /// <summary>Waits for the next item; false where there are no more.</summary>
        Task<bool> MoveNextAsync();
    }

    /// <summary>Everything that happens to a client, for <c>await foreach</c> and for <see cref="EventReader"/>.</summary>
    public sealed class EventSequence
    {
        private readonly Client client;

        internal EventSequence(Client client)
        {
            this.client = client;
        }

        /// <summary>A reader, which takes up to 256 events ahead of what it was asked for.</summary>
        public EventReader GetAsyncEnumerator(CancellationToken cancellation = default(CancellationToken))
        {
            return new EventReader(client, cancellation);
        }
    }

    /// <summary>Reads events one after the other. One thread at a time.</summary>
    public sealed class EventReader : IAsyncReader<Event>
    {
        private const int Ahead = 256;

        private static readonly Task<bool> Yes = Task.FromResult(true);

        private readonly Client client;
        private readonly CancellationToken cancellation;
        private IReadOnlyList<Event> batch = new Event[0];
        private int next;

        internal EventReader(Client client, CancellationToken cancellation)
        {
            this.client = client;
            this.cancellation = cancellation;
        }

        /// <inheritdoc/>
        public Event Current { get; private set; }

        /// <inheritdoc/>
        public Task<bool> MoveNextAsync()
        {
            if (next < batch.Count)
            {
                Current = batch[next++];
                return Yes;
            }
            return TakeAsync();
        }

        /// <summary>Gives up what it has taken ahead.</summary>
        public void Dispose()
        {
            batch = new Event[0];
            next = 0;
        }

        /// <summary>As <see cref="Dispose"/>, for <c>await foreach</c>.</summary>
        public Task DisposeAsync()
        {
            Dispose();
            return Yes;
        }

        private async Task<bool> TakeAsync()
        {
            IReadOnlyList<Event> taken = await client.NextEventsAsync(Ahead, null, cancellation).ConfigureAwait(false);
            if (taken == null || taken.Count == 0)
            {
                return false;
            }
            batch = taken;
            Current = taken[0];
            next = 1;
            return true;
        }
    }
}
