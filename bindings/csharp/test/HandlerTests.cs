using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

namespace Gossiperl.Tests
{
    /// <summary>Handlers that behave in every way.</summary>
    internal static class HandlerTests
    {
        private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

        [Test]
        private static void HandlersAreToldEverythingInOrder()
        {
            using (Client told = Client.Start(Daemon.Shared.Options("handler told")))
            using (Client publisher = Daemon.Shared.Connect("handler publisher"))
            {
                var seen = new ConcurrentQueue<string>();
                told.Connected += (sender, happened) => seen.Enqueue("connected " + happened.Daemon);
                told.Subscribed += (sender, happened) => seen.Enqueue("subscribed " + happened.EventTypes[0]);
                told.Unsubscribed += (sender, happened) => seen.Enqueue("unsubscribed " + happened.EventTypes[0]);
                told.Delivered += (sender, happened) => seen.Enqueue("delivery " + happened.Payload.Length);
                told.Listen();
                told.Listen();
                told.Subscribe("handler");
                publisher.Publish("handler", new byte[3]);
                Check.Soon("a delivery", () => seen.Contains("delivery 3"));
                told.Unsubscribe("handler");
                Check.Soon("the end of it", () => seen.Count >= 4);
                Check.Same(new[] { "connected daemon", "subscribed handler", "delivery 3", "unsubscribed handler" }, seen);
            }
        }

        [Test]
        private static void AHandlerThatThrowsIsReportedAndNothingElse()
        {
            using (Client told = Daemon.Shared.Connect("throwing"))
            {
                var failures = new ConcurrentQueue<HandlerFailedEventArgs>();
                int after = 0;
                told.Delivered += (sender, happened) => { throw new InvalidOperationException("on purpose"); };
                told.Delivered += (sender, happened) => Interlocked.Increment(ref after);
                told.HandlerFailed += (sender, failure) =>
                {
                    failures.Enqueue(failure);
                    throw new InvalidOperationException("this one as well");
                };
                told.Subscribe("throwing");
                told.Listen();
                using (Client publisher = Daemon.Shared.Connect("throwing publisher"))
                {
                    for (int count = 0; count < 10; count++)
                    {
                        publisher.Publish("throwing", new byte[0]);
                    }
                }
                Check.Soon("all are told", () => Volatile.Read(ref after) == 10);
                Check.Equal(10, failures.Count);
                Check.That(failures.All(failure => failure.Exception.Message == "on purpose" && failure.Event is Delivery), "another failure");
            }
        }

        [Test]
        private static void AHandlerThatBlocksHoldsUpNobodyElse()
        {
            var release = new ManualResetEventSlim();
            var blocked = new List<Client>();
            try
            {
                // More than the thread pool has threads at first.
                for (int number = 0; number < 16; number++)
                {
                    Client client = Client.Start(Daemon.Shared.Options("blocking " + number));
                    client.Connected += (sender, happened) => release.Wait();
                    client.Listen();
                    blocked.Add(client);
                }
                using (Client free = Daemon.Shared.Connect("free"))
                {
                    var told = new ManualResetEventSlim();
                    free.Delivered += (sender, happened) => told.Set();
                    free.SubscribeAsync("free").Wait();
                    free.Listen();
                    blocked[0].PublishAsync("free", new byte[1]).Wait();
                    Check.That(told.Wait(Long), "held up");
                }
                // One that blocks is closed all the same.
                blocked[1].Dispose();
            }
            finally
            {
                release.Set();
                foreach (Client client in blocked)
                {
                    client.Dispose();
                }
            }
        }

        [Test]
        private static void AHandlerMayCallEverything()
        {
            using (Client told = Daemon.Shared.Connect("calling"))
            using (Client publisher = Daemon.Shared.Connect("calling publisher"))
            {
                var done = new ManualResetEventSlim();
                Exception wrong = null;
                told.Delivered += (sender, happened) =>
                {
                    try
                    {
                        var client = (Client)sender;
                        client.Subscribe("calling too");
                        client.Publish("elsewhere", happened.Payload);
                        client.PublishAsync("elsewhere", happened.Payload).Wait();
                        client.Members();
                        client.Unsubscribe("calling too");
                        client.Drain();
                        client.Close();
                        client.Dispose();
                    }
                    catch (Exception exception)
                    {
                        wrong = exception;
                    }
                    done.Set();
                };
                told.Subscribe("calling");
                told.Listen();
                publisher.Publish("calling", new byte[1]);
                Check.That(done.Wait(Long), "it deadlocks");
                Check.That(wrong == null, "" + wrong);
            }
        }
    }
}
