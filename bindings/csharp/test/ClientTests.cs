using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Gossiperl.Tests
{
    /// <summary>What a client does, on a daemon.</summary>
    internal static class ClientTests
    {
        private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

        /// <summary>The next event of this type; others are skipped.</summary>
        private static T Next<T>(Client client)
            where T : Event
        {
            while (true)
            {
                IReadOnlyList<Event> events = client.NextEvents(1, Long);
                Check.That(events != null, "the client is closed");
                Check.That(events.Count == 1, "no " + typeof(T).Name);
                if (events[0] is T)
                {
                    return (T)events[0];
                }
            }
        }

        [Test]
        private static void EverythingComesInOneStreamAndInOrder()
        {
            using (Client told = Daemon.Shared.Connect("told"))
            using (Client publisher = Daemon.Shared.Connect("publisher"))
            {
                Check.Equal("told", told.Name);
                Check.Equal(ClientState.Connected, told.State);
                Check.Equal("daemon", told.Daemon);
                told.Subscribe("stream.a", "stream.b");
                told.Subscribe("stream.b", "stream.c");
                Check.Same(new[] { "stream.a", "stream.b", "stream.c" }, told.Subscriptions());
                Check.Equal("daemon", Next<ConnectedEvent>(told).Daemon);
                Check.Same(new[] { "stream.a", "stream.b" }, Next<SubscribedEvent>(told).EventTypes);
                for (int number = 0; number < 1000; number++)
                {
                    publisher.Send("stream.a", BitConverter.GetBytes(number));
                }
                publisher.Flush();
                for (int number = 0; number < 1000; number++)
                {
                    Delivery delivery = Next<Delivery>(told);
                    Check.Equal("stream.a", delivery.EventType);
                    Check.Equal(number, BitConverter.ToInt32(delivery.Payload, 0));
                }
                told.Unsubscribe("stream.a", "never");
                Check.Same(new[] { "stream.a" }, Next<UnsubscribedEvent>(told).EventTypes);
                Check.Equal(0, told.NextEvents(8, TimeSpan.FromMilliseconds(1)).Count);
                publisher.Publish("stream.b", Encoding.UTF8.GetBytes("last"));
                told.Close();
                Check.Equal(ClientState.Closed, told.State);
                Check.Equal("last", Encoding.UTF8.GetString(Next<Delivery>(told).Payload));
                Check.That(told.NextEvents(8) == null && told.NextEvents(8) == null, "no end");
            }
        }

        [Test]
        private static void TasksDoTheSame()
        {
            Tasks().Wait();
        }

        private static async Task Tasks()
        {
            using (Client told = await Client.ConnectAsync(Daemon.Shared.Options("task told")))
            using (Client publisher = await Client.ConnectAsync(Daemon.Shared.Options("task publisher")))
            {
                await told.SubscribeAsync("task");
                Check.Same(new[] { "task" }, await told.SubscriptionsAsync());
                var published = new List<Task>();
                for (int number = 0; number < 1000; number++)
                {
                    published.Add(publisher.PublishAsync("task", BitConverter.GetBytes(number)));
                }
                await Task.WhenAll(published);
                await publisher.SendAsync("task", BitConverter.GetBytes(1000));
                await publisher.FlushAsync();
                using (EventReader reader = told.Events.GetAsyncEnumerator())
                {
                    for (int number = 0; number <= 1000;)
                    {
                        Check.That(await reader.MoveNextAsync(), "no end yet");
                        if (reader.Current is Delivery)
                        {
                            Check.Equal(number++, BitConverter.ToInt32(((Delivery)reader.Current).Payload, 0));
                        }
                    }
                    Task end = ReadAll(reader);
                    Check.That((await told.MembersAsync()).Any(member => member.Name == "task told"), "not a member");
                    await told.DrainAsync();
                    await told.CloseAsync();
                    await end;
                }
                await told.CloseAsync();
                await publisher.UnsubscribeAsync("task");
            }
        }

        private static async Task ReadAll(EventReader reader)
        {
            while (await reader.MoveNextAsync())
            {
            }
        }

        [Test]
        private static void WhatIsPublishedArrivesUnharmed()
        {
            using (Client told = Daemon.Shared.Connect("harm told"))
            using (Client publisher = Daemon.Shared.Connect("harm publisher"))
            {
                // Bytes that are no UTF-8, a 0, and what takes two units.
                const string Odd = "harm \udcff\udc80\0 größe 🙂";
                told.Subscribe(Odd);
                var large = new byte[60000];
                new Random(1).NextBytes(large);
                foreach (byte[] payload in new[] { new byte[0], null, new byte[] { 0, 255 }, large })
                {
                    publisher.Publish(Odd, payload);
                    Delivery delivery = Next<Delivery>(told);
                    Check.Equal(Odd, delivery.EventType);
                    Check.Same(payload ?? new byte[0], delivery.Payload);
                }
                Check.Throws<GossiperlArgumentException>(() => publisher.Publish(Odd, new byte[60001]));
                Check.Throws<GossiperlArgumentException>(() => publisher.Publish("", new byte[0]));
                Check.Throws<GossiperlArgumentException>(() => publisher.PublishAsync("", new byte[0]).Wait());
                Check.Throws<GossiperlArgumentException>(() => publisher.Send("\ud800", new byte[0]));
                Check.Throws<GossiperlArgumentException>(() => publisher.PublishAsync("\ud800", new byte[0]).Wait());
                Check.Throws<GossiperlArgumentException>(() => publisher.SubscribeAsync("\ud800").Wait());
                Check.Throws<GossiperlArgumentException>(() => publisher.Subscribe());
                Check.Throws<ArgumentNullException>(() => publisher.Publish(null, new byte[0]));
                Check.Throws<ArgumentNullException>(() => publisher.Subscribe((string)null));

                publisher.Publish(Odd, new byte[0]);
                publisher.Publish(Odd, new byte[0]);
                MessageId one = Next<Delivery>(told).Id;
                MessageId other = Next<Delivery>(told).Id;
                Check.That(one.Publisher == other.Publisher && one.Sequence < other.Sequence, one + " and " + other);
                Check.That(one.Equals(one) && !one.Equals(other) && one.Envelope == null, one + " and " + other);
            }
        }

        [Test]
        private static void DigestsKeepTheirFields()
        {
            using (Client told = Daemon.Shared.Connect("digest told"))
            using (Client publisher = Daemon.Shared.Connect("digest publisher"))
            {
                double nan = BitConverter.Int64BitsToDouble(0x7ff8000000000123);
                told.Subscribe("typed");
                var sent = new Digest
                {
                    { short.MinValue, true }, { 2, sbyte.MinValue }, { 3, short.MinValue }, { 4, int.MinValue }, { 5, long.MinValue },
                    { 6, nan }, { 7, -0.0 }, { 8, "größe \udcff" }, { 9, new byte[0] }, { short.MaxValue, (1L << 53) + 1 },
                };
                publisher.Publish("typed", sent);
                Digest read = Next<Delivery>(told).Digest();
                Check.Equal(10, read.Count);
                Check.Same(sent.Select(field => field.Id), read.Select(field => field.Id));
                Check.Same(sent.Select(field => field.Kind), read.Select(field => field.Kind));
                Check.That(read.GetBool(short.MinValue), "a bool");
                Check.Equal(sbyte.MinValue, read.GetByte(2));
                Check.Equal(short.MinValue, read.GetI16(3));
                Check.Equal(int.MinValue, read.GetI32(4));
                Check.Equal(long.MinValue, read.GetI64(5));
                Check.Equal(0x7ff8000000000123, BitConverter.DoubleToInt64Bits(read.GetDouble(6)));
                Check.Equal(long.MinValue, BitConverter.DoubleToInt64Bits(read.GetDouble(7)));
                Check.Equal("größe \udcff", read.GetString(8));
                Check.Equal(0, read.GetBytes(9).Length);
                Check.Equal((1L << 53) + 1, read.GetI64(short.MaxValue));
                Field found;
                Check.That(read.TryGet(8, out found) && !read.TryGet(10, out found), "which there are");
                Check.Throws<KeyNotFoundException>(() => read.GetI32(10));
                Check.Throws<InvalidCastException>(() => read.GetI32(5));
                Check.Throws<GossiperlArgumentException>(() => Digest.Read(new byte[] { 11, 0, 1, 255 }));
            }
        }

        [Test]
        private static void MembersAreTold()
        {
            using (Client told = Daemon.Shared.Connect("member told"))
            {
                Check.That(told.WatchMembers().Any(member => member.Name == "daemon" && member.Kind == MemberKind.Daemon), "no daemon");
                using (Daemon.Shared.Connect("member other"))
                {
                    Member came = Changed(told, MemberChange.In).Member;
                    Check.Equal(MemberState.Reachable, came.State);
                    Check.That(came.Heartbeat > DateTimeOffset.UtcNow.AddHours(-1), "an old heartbeat");
                }
                Changed(told, MemberChange.Out);
            }
        }

        /// <summary>This change of the other member.</summary>
        private static MemberEvent Changed(Client told, MemberChange change)
        {
            while (true)
            {
                MemberEvent happened = Next<MemberEvent>(told);
                if (happened.Member.Name == "member other" && happened.Change == change)
                {
                    return happened;
                }
            }
        }

        [Test]
        private static void AWrongOptionIsNamed()
        {
            var wrong = new List<KeyValuePair<string, Action<ClientOptions>>>();
            Action<string, Action<ClientOptions>> add = (option, change) => wrong.Add(new KeyValuePair<string, Action<ClientOptions>>(option, change));
            add("Port", options => options.Port = 0);
            add("Port", options => options.Port = 65536);
            add("Port", options => options.Port = -1);
            add("Name", options => options.Name = "");
            add("Name", options => options.Name = null);
            add("Name", options => options.Name = "\udcff");
            add("Secret", options => options.Secret = new byte[256]);
            add("Key", options => options.Key = null);
            add("AdditionalKeys", options => options.AdditionalKeys.Add(new byte[0]));
            add("Protocol", options => options.Protocol = 3);
            add("Address", options => options.Address = "localhost");
            add("Address", options => options.Address = "192.0.2.1");
            add("ConnectTimeout", options => options.ConnectTimeout = TimeSpan.Zero);
            add("CloseTimeout", options => options.CloseTimeout = TimeSpan.FromSeconds(-1));
            add("PublishWindow", options => options.PublishWindow = 0);
            add("PublishWindowBytes", options => options.PublishWindowBytes = long.MaxValue);
            add("DeliveryBuffer", options => options.DeliveryBuffer = -1);
            add("DeliveryBufferBytes", options => options.DeliveryBufferBytes = 0);
            add("SlowPolicy", options => options.SlowPolicy = (SlowPolicy)7);
            foreach (KeyValuePair<string, Action<ClientOptions>> one in wrong)
            {
                ClientOptions options = Daemon.Shared.Options("wrong");
                one.Value(options);
                foreach (Action make in new Action[] { () => Client.Start(options), () => Client.Connect(options), () => Client.ConnectAsync(options).Wait() })
                {
                    var error = Check.Throws<GossiperlOptionException>(make);
                    Check.Equal(one.Key, error.Option);
                    Check.Equal(ErrorKind.Option, error.Kind);
                    Check.That(error.Message.Contains(one.Key), error.Message);
                }
            }
        }

        [Test]
        private static void EachKindOfErrorHasItsClass()
        {
            foreach (ErrorKind kind in Enum.GetValues(typeof(ErrorKind)))
            {
                Type type = typeof(Client).Assembly.GetType("Gossiperl.Gossiperl" + kind + "Exception", true);
                Check.That(type.IsSubclassOf(typeof(GossiperlException)), type.Name);
            }
            using (Client.Connect(Secret("its own")))
            {
                var refused = Check.Throws<GossiperlRefusedException>(() => Client.Connect(Secret("another")));
                Check.That(refused.Code != null && refused.Kind == ErrorKind.Refused, refused.Message);
            }
            ClientOptions nobody = Nobody();
            nobody.ConnectTimeout = TimeSpan.FromMilliseconds(200);
            Check.Throws<GossiperlUnreachableException>(() => Client.Connect(nobody));
            nobody.PublishWindow = 1;
            nobody.CloseTimeout = TimeSpan.Zero;
            using (Client early = Client.Start(nobody))
            {
                Check.Equal(ClientState.Connecting, early.State);
                Check.That(early.Daemon == null, "no daemon");
                early.Send("x", (byte[])null);
                Check.Throws<GossiperlBusyException>(() => early.Send("x", (byte[])null, TimeSpan.Zero));
                Check.Throws<GossiperlTimeoutException>(() => early.Publish("x", new byte[0], TimeSpan.FromMilliseconds(5)));
                Check.Throws<ArgumentOutOfRangeException>(() => early.Flush(TimeSpan.FromSeconds(-5)));
                Check.Throws<ArgumentOutOfRangeException>(() => early.NextEvents(0));
            }
        }

        private static ClientOptions Secret(string secret)
        {
            ClientOptions options = Daemon.Shared.Options("refused");
            options.Secret = Encoding.UTF8.GetBytes(secret);
            return options;
        }

        /// <summary>Options of a port that nobody listens on.</summary>
        private static ClientOptions Nobody()
        {
            using (var socket = new System.Net.Sockets.UdpClient(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0)))
            {
                ClientOptions options = Daemon.Shared.Options("nobody");
                options.Port = ((System.Net.IPEndPoint)socket.Client.LocalEndPoint).Port;
                return options;
            }
        }

        [Test]
        private static void AClosedClientSaysSo()
        {
            Client closed = Daemon.Shared.Connect("closed");
            closed.Close();
            Refuses(closed);
            closed.Close();
            closed.Dispose();
            closed.Dispose();
            Refuses(closed);
            closed.Close();
            closed.CloseAsync().Wait();
            Check.Equal(ClientState.Closed, closed.State);
            Check.That(closed.NextEvents(1) == null && closed.NextEventsAsync(1).Result == null, "an end");
            Check.Throws<GossiperlClosedException>(() => closed.Listen());
        }

        private static void Refuses(Client closed)
        {
            Check.Throws<GossiperlClosedException>(() => closed.Subscribe("x"));
            Check.Throws<GossiperlClosedException>(() => closed.Publish("x", new byte[0]));
            Check.Throws<GossiperlClosedException>(() => closed.Send("x", new byte[0]));
            Check.Throws<GossiperlClosedException>(() => closed.Members());
            Check.Throws<GossiperlClosedException>(() => closed.PublishAsync("x", new byte[0]).Wait());
            Check.Throws<GossiperlClosedException>(() => closed.MembersAsync().Wait());
            Check.Throws<GossiperlClosedException>(() => closed.SubscribeAsync("x").Wait());
        }

        [Test]
        private static void WhatIsCancelledEnds()
        {
            using (Client client = Daemon.Shared.Connect("cancel"))
            {
                Next<ConnectedEvent>(client);
                for (int round = 0; round < 100; round++)
                {
                    var source = new CancellationTokenSource();
                    Task<IReadOnlyList<Event>> waiting = client.NextEventsAsync(8, null, source.Token);
                    source.Cancel();
                    Check.Throws<TaskCanceledException>(() => waiting.Wait());
                    Check.Throws<TaskCanceledException>(() => client.FlushAsync(source.Token).Wait());
                }
                ClientOptions nobody = Nobody();
                nobody.ConnectTimeout = TimeSpan.FromHours(1);
                var soon = new CancellationTokenSource(50);
                Check.Throws<TaskCanceledException>(() => Client.ConnectAsync(nobody, soon.Token).Wait());
                // None of the cancelled readers took anything.
                client.Subscribe("cancel");
                Check.Same(new[] { "cancel" }, Next<SubscribedEvent>(client).EventTypes);
            }
        }

        [Test]
        private static void ADaemonThatGoesAndComesBackIsTwoEventsAndNoLostSubscription()
        {
            using (var daemon = new Daemon())
            using (Client told = daemon.Connect("told"))
            {
                told.Subscribe("news");
                Next<SubscribedEvent>(told);
                daemon.Kill();
                Check.That(Next<Event>(told) is DisconnectedEvent, "disconnected");
                Check.Equal(ClientState.Connecting, told.State);
                daemon.Start();
                Check.That(Next<Event>(told) is ConnectedEvent, "connected");
                Check.Same(new[] { "news" }, Next<SubscribedEvent>(told).EventTypes);
                using (Client publisher = daemon.Connect("publisher"))
                {
                    publisher.Publish("news", Encoding.UTF8.GetBytes("still"));
                    Check.Equal("still", Encoding.UTF8.GetString(Next<Delivery>(told).Payload));
                }
            }
        }

        [Test]
        private static void DisposingEndsThoseWhoWait()
        {
            for (int round = 0; round < 20; round++)
            {
                Client client = Daemon.Shared.Connect("waiting " + round);
                var waiting = new List<Task>();
                for (int thread = 0; thread < 3; thread++)
                {
                    waiting.Add(Task.Factory.StartNew(
                        () =>
                        {
                            while (client.NextEvents(4) != null)
                            {
                            }
                        },
                        TaskCreationOptions.LongRunning));
                    waiting.Add(ReadAll(client.Events.GetAsyncEnumerator()));
                }
                client.Dispose();
                Check.That(Task.WaitAll(waiting.ToArray(), Long), "they wait for ever");
            }
        }
    }
}
