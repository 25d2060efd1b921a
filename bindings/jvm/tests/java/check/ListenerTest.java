package check;

import static check.Waiting.LONG;
import static check.Waiting.soon;
import static check.Waiting.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.gossiperl.client.Client;
import com.gossiperl.client.Delivery;
import com.gossiperl.client.Event;
import com.gossiperl.client.Listener;
import com.gossiperl.client.State;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ListenerTest {
    private static Daemon daemon;

    /** No client is told of its own messages. */
    private static Client publisher;

    @BeforeAll
    static void start() throws Exception {
        daemon = new Daemon();
        publisher = soon(Client.connect(daemon.options("publisher")));
    }

    @AfterAll
    static void stop() throws Exception {
        publisher.close();
        daemon.close();
    }

    @Test
    void aListenerHearsEverythingOnOneThread() throws Exception {
        List<String> heard = new CopyOnWriteArrayList<>();
        List<Thread> threads = new CopyOnWriteArrayList<>();
        CountDownLatch closed = new CountDownLatch(1);
        Listener listener = new Listener() {
            private void hear(String what) {
                heard.add(what);
                threads.add(Thread.currentThread());
            }

            @Override
            public void onConnected(Client client, Event.Connected event) {
                hear("connected to " + event.daemon());
            }

            @Override
            public void onSubscribed(Client client, Event.Subscribed event) {
                hear("subscribed to " + event.types());
            }

            @Override
            public void onUnsubscribed(Client client, Event.Unsubscribed event) {
                hear("unsubscribed from " + event.types());
            }

            @Override
            public void onDelivery(Client client, Delivery delivery) {
                hear("delivered " + delivery.payload().length);
            }

            @Override
            public void onClosed(Client client) {
                hear("closed");
                closed.countDown();
            }
        };
        Client client = soon(Client.connect(daemon.options("hears"), listener));
        soon(client.subscribe("heard"));
        soon(publisher.publish("heard", new byte[3]));
        until("it was delivered", () -> heard.size() == 3);
        soon(client.unsubscribe("heard"));
        assertThrows(IllegalStateException.class, () -> client.nextEvents(1, LONG));
        assertThrows(IllegalStateException.class, client::deliveries);
        client.close();
        assertTrue(closed.await(LONG.getSeconds(), TimeUnit.SECONDS));
        assertEquals(Arrays.asList("connected to daemon", "subscribed to [heard]", "delivered 3", "unsubscribed from [heard]", "closed"), heard);
        assertEquals(1, threads.stream().distinct().count());
        assertTrue(threads.get(0).isDaemon());
        until("its thread has ended", () -> !threads.get(0).isAlive());
    }

    @Test
    void aListenerThatThrowsIsReportedAndGoesOn() throws Exception {
        List<Throwable> reported = new CopyOnWriteArrayList<>();
        CountDownLatch delivered = new CountDownLatch(3);
        Listener listener = new Listener() {
            @Override
            public void onConnected(Client client, Event.Connected event) {
                Thread.currentThread().setUncaughtExceptionHandler((thread, thrown) -> reported.add(thrown));
            }

            @Override
            public void onDelivery(Client client, Delivery delivery) {
                delivered.countDown();
                if (delivered.getCount() == 1) {
                    throw new StackOverflowError("on purpose");
                }
                throw new IllegalStateException("on purpose");
            }
        };
        try (Client client = soon(Client.connect(daemon.options("throws"), listener))) {
            soon(client.subscribe("thrown"));
            for (int count = 0; count < 3; count++) {
                soon(publisher.publish("thrown", new byte[0]));
            }
            assertTrue(delivered.await(LONG.getSeconds(), TimeUnit.SECONDS));
            until("all three are reported", () -> reported.size() == 3);
        }
    }

    @Test
    void aListenerThatBlocksDelaysOnlyItsOwnClient() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        CountDownLatch blocked = new CountDownLatch(1);
        CountDownLatch told = new CountDownLatch(100);
        Listener blocks = new Listener() {
            @Override
            public void onDelivery(Client client, Delivery delivery) {
                blocked.countDown();
                try {
                    release.await();
                } catch (InterruptedException ignored) {
                    // The test is over.
                }
            }
        };
        Listener counts = new Listener() {
            @Override
            public void onDelivery(Client client, Delivery delivery) {
                told.countDown();
            }
        };
        try (Client slow = soon(Client.connect(daemon.options("blocks"), blocks)); Client quick = soon(Client.connect(daemon.options("counts"), counts))) {
            soon(CompletableFuture.allOf(slow.subscribe("both"), quick.subscribe("both")));
            for (int count = 0; count < 100; count++) {
                soon(publisher.publish("both", new byte[0]));
            }
            assertTrue(blocked.await(LONG.getSeconds(), TimeUnit.SECONDS));
            assertTrue(told.await(LONG.getSeconds(), TimeUnit.SECONDS));
            assertTrue(soon(slow.members()).size() >= 3);
            release.countDown();
        }
    }

    @Test
    void aListenerMayCallTheClientAndCloseIt() throws Exception {
        CountDownLatch closed = new CountDownLatch(1);
        List<String> answered = new CopyOnWriteArrayList<>();
        Listener listener = new Listener() {
            @Override
            public void onConnected(Client client, Event.Connected event) {
                client.subscribe("back").join();
                publisher.publish("back", new byte[] {1}).join();
            }

            @Override
            public void onDelivery(Client client, Delivery delivery) {
                answered.addAll(client.subscriptions().join());
                client.close();
                Thread.currentThread().interrupt();
            }

            @Override
            public void onClosed(Client client) {
                closed.countDown();
            }
        };
        Client client = Client.start(daemon.options("back"), listener);
        assertTrue(closed.await(LONG.getSeconds(), TimeUnit.SECONDS));
        assertEquals(Arrays.asList("back"), answered);
        assertEquals(State.CLOSED, client.state());
    }
}
