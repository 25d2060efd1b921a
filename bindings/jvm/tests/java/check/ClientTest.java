package check;

import static check.Waiting.LONG;
import static check.Waiting.failure;
import static check.Waiting.next;
import static check.Waiting.soon;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.gossiperl.client.Client;
import com.gossiperl.client.ClosedException;
import com.gossiperl.client.Delivery;
import com.gossiperl.client.Event;
import com.gossiperl.client.GossiperlException;
import com.gossiperl.client.Listener;
import com.gossiperl.client.Member;
import com.gossiperl.client.MemberChange;
import com.gossiperl.client.NoAnswerException;
import com.gossiperl.client.OptionException;
import com.gossiperl.client.Options;
import com.gossiperl.client.State;
import com.gossiperl.client.UnreachableException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class ClientTest {
    @Test
    void aWrongOptionIsNamedAsJavaSpellsIt() {
        Map<String, Options> wrong = new LinkedHashMap<>();
        wrong.put("port", Options.of(70_000, "name", "key"));
        wrong.put("name", Options.of(6666, "", "key"));
        wrong.put("key", Options.of(6666, "name", ""));
        wrong.put("secret", options().secret(new byte[256]));
        wrong.put("additionalKeys", options().additionalKey(""));
        wrong.put("protocol", options().protocol(3));
        wrong.put("address", options().address("nowhere"));
        wrong.put("connectTimeout", options().connectTimeout(Duration.ZERO));
        wrong.put("closeTimeout", options().closeTimeout(Duration.ofDays(2)));
        wrong.put("publishWindow", options().publishWindow(0));
        wrong.put("publishWindowBytes", options().publishWindowBytes(-1));
        wrong.put("deliveryBuffer", options().deliveryBuffer(Long.MAX_VALUE));
        wrong.put("deliveryBufferBytes", options().deliveryBufferBytes(0));
        wrong.forEach((option, options) -> {
            OptionException refused = assertThrows(OptionException.class, () -> Client.start(options));
            assertEquals(option, refused.option());
            assertTrue(refused.getMessage().startsWith("wrong option " + option + ": "), refused.getMessage());
            assertEquals(option, failure(OptionException.class, Client.connect(options)).option());
            assertEquals(GossiperlException.Kind.OPTION, refused.kind());
        });
        assertFalse(options().secret("hidden").toString().contains("hidden"));
    }

    @Test
    void nobodyThereIsAnError() throws Exception {
        Daemon gone = new Daemon();
        gone.close();
        Options options = gone.options("alone").connectTimeout(Duration.ofMillis(300));
        GossiperlException error = failure(GossiperlException.class, Client.connect(options));
        assertTrue(error instanceof UnreachableException || error instanceof NoAnswerException, error.toString());
    }

    @Test
    void aClientStartedBeforeItsDaemonConnectsOnceItComes() throws Exception {
        try (Daemon daemon = new Daemon()) {
            daemon.kill();
            try (Client client = Client.start(daemon.options("early").overlay("the house"))) {
                assertEquals(State.CONNECTING, client.state());
                assertEquals("the house", client.overlay().get());
                CompletableFuture<Void> subscribed = client.subscribe("early");
                CompletableFuture<Void> published = client.publish("early", new byte[] {7});
                assertFalse(subscribed.isDone());
                daemon.start();
                soon(subscribed);
                soon(published);
                next(client, Event.Connected.class);
            }
        }
    }

    @Test
    void aDaemonThatGoesAndComesBackIsTwoEventsAndNoLostSubscription() throws Exception {
        try (Daemon daemon = new Daemon(); Client client = soon(Client.connect(daemon.options("patient")))) {
            soon(client.subscribe("news"));
            next(client, Event.Subscribed.class);
            daemon.kill();
            assertInstanceOf(Event.Disconnected.class, client.nextEvents(1, LONG).get(0));
            assertEquals(State.CONNECTING, client.state());
            daemon.start();
            assertInstanceOf(Event.Connected.class, client.nextEvents(1, LONG).get(0));
            next(client, Event.Subscribed.class);
            try (Client other = soon(Client.connect(daemon.options("other")))) {
                soon(other.publish("news", new byte[] {1}));
            }
            assertEquals("news", next(client, Delivery.class).type());
        }
    }

    @Test
    void membersAreThoseOfNowAndThenEveryChange() throws Exception {
        try (Daemon daemon = new Daemon(); Client client = soon(Client.connect(daemon.options("watcher")))) {
            List<Member> now = soon(client.watchMembers());
            Map<String, Member> byName = now.stream().collect(Collectors.toMap(Member::name, member -> member));
            assertEquals(Member.Kind.CLIENT, byName.get("watcher").kind());
            assertEquals(Member.Kind.DAEMON, byName.get("daemon").kind());
            assertEquals(Member.State.REACHABLE, byName.get("daemon").state());
            assertEquals("127.0.0.1:" + daemon.port, byName.get("daemon").address().get());
            try (Client other = soon(Client.connect(daemon.options("other")))) {
                Event.MemberChanged change = next(client, Event.MemberChanged.class);
                assertEquals(MemberChange.IN, change.change());
                assertEquals(other.name(), change.member().name());
            }
            assertEquals(MemberChange.OUT, next(client, Event.MemberChanged.class).change());
        }
    }

    @Test
    void aClosedClientSaysSo() throws Exception {
        try (Daemon daemon = new Daemon()) {
            Client client = soon(Client.connect(daemon.options("closed")));
            client.close();
            client.close();
            failure(ClosedException.class, client.publish("a", new byte[0]));
            failure(ClosedException.class, client.send("a", new byte[0]));
            failure(ClosedException.class, client.subscribe("a"));
            failure(ClosedException.class, client.unsubscribe("a"));
            failure(ClosedException.class, client.flush());
            failure(ClosedException.class, client.members());
            failure(ClosedException.class, client.drain());
            assertThrows(ClosedException.class, () -> client.trySend("a", new byte[0]));
            assertThrows(ClosedException.class, () -> client.addKey(new byte[] {1}));
            assertEquals(State.CLOSED, client.state());
            assertFalse(client.daemon().isPresent());
        }
    }

    @Test
    void whatIsHungOntoAFutureMayBlockAndHoldsBackNothing() throws Exception {
        try (Daemon daemon = new Daemon(); Client client = soon(Client.connect(daemon.options("blocked")))) {
            CountDownLatch release = new CountDownLatch(1);
            CountDownLatch blocked = new CountDownLatch(20);
            for (int count = 0; count < 20; count++) {
                // Where the answer is there already, the thread that hangs it on runs it: never this one.
                Thread hanging = new Thread(() -> client.members().thenRun(() -> {
                    blocked.countDown();
                    try {
                        release.await();
                    } catch (InterruptedException ignored) {
                        // The test is over.
                    }
                }));
                hanging.setDaemon(true);
                hanging.start();
            }
            blocked.await();
            for (int count = 0; count < 200; count++) {
                soon(client.publish("free", new byte[0]));
            }
            // A future that waits for another inside of what is hung onto it.
            assertTrue(soon(client.members().thenApply(members -> client.members().join().size())) >= 2);
            release.countDown();
        }
    }

    @Test
    void aReaderThatIsInterruptedStopsWaitingAndLosesNothing() throws Exception {
        try (Daemon daemon = new Daemon();
                Client client = soon(Client.connect(daemon.options("interrupted")));
                Client publisher = soon(Client.connect(daemon.options("publisher")))) {
            soon(client.subscribe("news"));
            next(client, Event.Subscribed.class);
            AtomicReference<Throwable> thrown = new AtomicReference<>();
            Thread reader = new Thread(() -> {
                try {
                    client.nextEvents(1, null);
                } catch (Throwable interrupted) {
                    thrown.set(interrupted);
                }
            });
            reader.start();
            reader.interrupt();
            reader.join(LONG.toMillis());
            assertInstanceOf(InterruptedException.class, thrown.get());
            assertTrue(client.nextEvents(1, Duration.ZERO).isEmpty());
            soon(publisher.publish("news", new byte[] {1}));
            next(client, Delivery.class);
        }
    }

    @Test
    void aClientThatNobodyWaitsForAnyMoreIsClosed() throws Exception {
        try (Daemon daemon = new Daemon(); Client watcher = soon(Client.connect(daemon.options("watcher")))) {
            soon(watcher.watchMembers());
            assertTrue(Client.connect(daemon.options("unwanted"), new Listener() {}).cancel(false));
            assertEquals(MemberChange.IN, next(watcher, Event.MemberChanged.class).change());
            assertEquals(MemberChange.OUT, next(watcher, Event.MemberChanged.class).change());
        }
    }

    private static Options options() {
        return Options.of(6666, "name", "key");
    }
}
