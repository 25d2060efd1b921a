package check;

import static check.Waiting.LONG;
import static check.Waiting.failure;
import static check.Waiting.next;
import static check.Waiting.soon;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.gossiperl.client.ArgumentException;
import com.gossiperl.client.BusyException;
import com.gossiperl.client.Client;
import com.gossiperl.client.Delivery;
import com.gossiperl.client.Digest;
import com.gossiperl.client.Event;
import com.gossiperl.client.State;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class MessagesTest {
    private static Daemon daemon;

    @BeforeAll
    static void start() throws Exception {
        daemon = new Daemon();
    }

    @AfterAll
    static void stop() throws Exception {
        daemon.close();
    }

    private static Client connect(String name) throws Exception {
        return soon(Client.connect(daemon.options(name)));
    }

    @Test
    void everythingComesInOrderAndWhatWasDeliveredIsStillReadAfterClosing() throws Exception {
        try (Client reader = connect("order.reader"); Client publisher = connect("order.publisher")) {
            assertEquals("daemon", next(reader, Event.Connected.class).daemon());
            assertEquals(State.CONNECTED, reader.state());
            assertEquals("daemon", reader.daemon().get());
            soon(reader.subscribe("order.b", "order.a"));
            assertEquals(Arrays.asList("order.a", "order.b"), soon(reader.subscriptions()));
            assertEquals(2, next(reader, Event.Subscribed.class).types().size());
            for (int number = 0; number < 100; number++) {
                soon(publisher.send(number % 2 == 0 ? "order.a" : "order.b", new byte[] {(byte) number}));
            }
            soon(publisher.flush());
            for (int number = 0; number < 99; number++) {
                Delivery delivery = next(reader, Delivery.class);
                assertEquals(number % 2 == 0 ? "order.a" : "order.b", delivery.type());
                assertArrayEquals(new byte[] {(byte) number}, delivery.payload());
            }
            soon(reader.unsubscribe("order.b", "never"));
            soon(reader.closeAsync());
            assertEquals(State.CLOSED, reader.state());
            List<Event> rest = new ArrayList<>();
            for (List<Event> some = reader.nextEvents(1, LONG); some != null; some = reader.nextEvents(1, LONG)) {
                rest.addAll(some);
            }
            assertTrue(rest.stream().anyMatch(event -> event instanceof Delivery && ((Delivery) event).payload()[0] == 99), rest.toString());
            assertTrue(rest.stream().anyMatch(Event.Unsubscribed.class::isInstance), rest.toString());
            assertNull(reader.nextEvents(1, LONG));
            assertFalse(reader.deliveries().iterator().hasNext());
        }
    }

    @Test
    void payloadsOfAllSizesArriveUnharmed() throws Exception {
        try (Client client = connect("sizes"); Client publisher = connect("sizes.publisher")) {
            soon(client.subscribe("sizes"));
            Iterator<Delivery> deliveries = client.deliveries().iterator();
            for (int size : new int[] {0, 1, 60_000}) {
                byte[] payload = new byte[size];
                for (int index = 0; index < size; index++) {
                    payload[index] = (byte) index;
                }
                soon(publisher.publish("sizes", payload));
                assertArrayEquals(payload, deliveries.next().payload());
            }
            failure(ArgumentException.class, client.publish("sizes", new byte[60_001]));
            failure(ArgumentException.class, client.send("sizes", new byte[60_001]));
            failure(ArgumentException.class, client.publish("member_in", new byte[0]));
            failure(ArgumentException.class, client.publish("", new byte[0]));
            failure(ArgumentException.class, client.subscribe());
            failure(ArgumentException.class, client.publish("\ud800", new byte[0]));
        }
    }

    @Test
    void aDigestKeepsKindsAndLimits() throws Exception {
        double oddNan = Double.longBitsToDouble(0xfff8_0000_dead_beefL);
        byte[] all = new byte[256];
        for (int value = 0; value < 256; value++) {
            all[value] = (byte) value;
        }
        Digest sent = new Digest().putBoolean(-32768, true).putByte(-1, Byte.MIN_VALUE).putShort(0, Short.MIN_VALUE).putInt(1, Integer.MIN_VALUE)
                .putLong(2, Long.MIN_VALUE).putLong(3, Long.MAX_VALUE).putDouble(4, oddNan).putDouble(5, -0.0).putString(6, "größe 🙂")
                .putBytes(7, all).putString(32767, "");
        try (Client client = connect("digests"); Client publisher = connect("digests.publisher")) {
            soon(client.subscribe("digests"));
            Iterator<Delivery> deliveries = client.deliveries().iterator();
            soon(publisher.publish("digests", sent));
            Digest read = deliveries.next().digest();
            assertEquals(sent.fields().keySet(), read.fields().keySet());
            assertTrue(read.getBoolean(-32768));
            assertEquals(Byte.MIN_VALUE, read.getByte(-1));
            assertEquals(Short.MIN_VALUE, read.getShort(0));
            assertEquals(Integer.MIN_VALUE, read.getInt(1));
            assertEquals(Long.MIN_VALUE, read.getLong(2));
            assertEquals(Long.MAX_VALUE, read.getLong(3));
            assertEquals(Double.doubleToRawLongBits(oddNan), Double.doubleToRawLongBits(read.getDouble(4)));
            assertEquals(Double.doubleToRawLongBits(-0.0), Double.doubleToRawLongBits(read.getDouble(5)));
            assertEquals("größe 🙂", read.getString(6));
            assertArrayEquals(all, read.getBytes(7));
            assertArrayEquals(all, new Digest().putString(0, read.getString(7)).getBytes(0));
            assertEquals("", read.getString(32767));
            assertTrue(assertThrows(ArgumentException.class, () -> read.getInt(2)).getMessage().contains("Long"));
            assertThrows(ArgumentException.class, () -> read.getInt(9));
            assertThrows(ArgumentException.class, () -> read.putInt(32768, 0));
            soon(publisher.publish("digests", new byte[] {99}));
            Delivery none = deliveries.next();
            assertThrows(ArgumentException.class, none::digest);
            soon(publisher.publish("digests", new Digest()));
            assertTrue(deliveries.next().digest().fields().isEmpty());
        }
    }

    @Test
    void namesThatAreNotTextComeBackAsTheyWere() throws Exception {
        String name = "caf\udcff\udc80 é🙂";
        try (Client client = connect("bücher"); Client publisher = connect("names.publisher")) {
            soon(client.subscribe(name));
            soon(publisher.publish(name, new byte[] {1}));
            assertEquals(name, client.deliveries().iterator().next().type());
            assertEquals(Arrays.asList(name), soon(client.subscriptions()));
            assertTrue(soon(client.members()).stream().anyMatch(member -> member.name().equals("bücher")));
        }
    }

    @Test
    void sendsKeepTheirOrderThoughTheWindowIsFull() throws Exception {
        int count = 2_000;
        try (Client reader = connect("window.reader");
                Client publisher = soon(Client.connect(daemon.options("window.publisher").publishWindow(4)))) {
            soon(reader.subscribe("window"));
            List<CompletableFuture<Void>> sent = new ArrayList<>();
            int waited = 0;
            for (int number = 0; number < count; number++) {
                CompletableFuture<Void> handed = publisher.send("window", ByteBuffer.allocate(4).putInt(number).array());
                waited += handed.isDone() ? 0 : 1;
                sent.add(handed);
            }
            assertTrue(waited > 0, "the window was never full");
            soon(CompletableFuture.allOf(sent.toArray(new CompletableFuture<?>[0])));
            soon(publisher.flush());
            Iterator<Delivery> deliveries = reader.deliveries().iterator();
            for (int number = 0; number < count; number++) {
                assertEquals(number, ByteBuffer.wrap(deliveries.next().payload()).getInt());
            }
        }
    }

    @Test
    void whatHasNoRoomIsBusy() throws Exception {
        try (Client client = Client.start(daemon.options("busy").publishWindow(1))) {
            assertThrows(BusyException.class, () -> {
                for (int number = 0; number < 100_000; number++) {
                    client.trySend("busy", new byte[0]);
                }
            });
        }
    }

    @Test
    void drainingWaitsForAcknowledgementsAndEndsSubscriptions() throws Exception {
        try (Client client = connect("drain"); Client publisher = connect("drain.publisher")) {
            soon(client.subscribe("drain"));
            for (int number = 0; number < 500; number++) {
                publisher.send("drain", new byte[0]);
            }
            soon(publisher.drain());
            soon(client.drain());
            assertTrue(soon(client.subscriptions()).isEmpty());
            Iterator<Delivery> deliveries = client.deliveries().iterator();
            for (int number = 0; number < 500; number++) {
                deliveries.next();
            }
        }
    }
}
