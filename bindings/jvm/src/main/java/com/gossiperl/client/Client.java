package com.gossiperl.client;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

/**
 * A client of one overlay, by way of the daemon on this host.
 *
 * <pre>{@code
 * try (Client client = Client.connect(Options.of(6666, "billing", key)).join()) {
 *     client.subscribe("orders").join();
 *     client.publish("invoices", "42".getBytes(UTF_8)).join();
 *     for (Delivery delivery : client.deliveries()) {
 *         ...
 *     }
 * }
 * }</pre>
 *
 * <p>Everything may be called from any thread. <b>Operations</b> give a future and never block. A future that fails holds a {@link GossiperlException}. What is hung onto a future runs on a
 * thread of the package, and may block without holding back anything else; cancelling a future does not undo its operation.
 *
 * <p><b>Events</b> are told to the {@link Listener} that was given at the start; or, where none was given, read by {@link #nextEvents}, {@link #events} or {@link #deliveries}, which is the
 * fastest. No client is told of its own messages. What nobody reads fills a buffer, and then {@link Options.SlowPolicy} holds. What was delivered before closing can still be read after it.
 *
 * <p><b>Text</b>: names of members and event types are bytes on the wire, UTF-8 nearly always. A byte that is not part of UTF-8 is the lone surrogate U+DC80 to U+DCFF in a {@link String}.
 *
 * <p>A client without a listener that nobody can reach any more is closed in the background; one with a listener lives until it is closed. An open client does not keep a program from ending.
 */
public final class Client implements AutoCloseable {
    /** Events taken in one crossing where they are given one by one. */
    private static final int BATCH = 512;
    /** How often a waiting reader looks whether it was interrupted. */
    private static final long SLICE = 100;
    /** The longest that a listener's thread waits at a time: a day. */
    private static final long LONG = TimeUnit.DAYS.toMillis(1);

    private final Handle handle;
    private final String name;
    private final String overlay;
    private final boolean listened;

    /** Held while somebody reads. */
    private final ReentrantLock reading = new ReentrantLock(true);
    /** Events that were taken and not given yet; bounded by what a client may hold. */
    private final ArrayDeque<Event> taken = new ArrayDeque<>();
    private boolean ended;

    private CompletableFuture<Void> closing;
    /** The event type that was published to last. */
    private volatile EventType lastType = new EventType("");
    /** Written to keep a client from being forgotten before a call is over. */
    private volatile boolean used;

    private static final class EventType {
        private final String name;
        private final byte[] written;

        EventType(String name) {
            this.name = name;
            this.written = new Writer().text(name).take();
        }
    }

    private Client(long number, String name, String overlay, boolean listened) {
        this.name = name;
        this.overlay = overlay;
        this.listened = listened;
        this.handle = new Handle(this, number);
    }

    /**
     * Connects, and waits for the first session.
     *
     * <p>Fails with {@link OptionException}, {@link SystemException}, {@link RefusedException}; {@link UnreachableException} or {@link NoAnswerException} after the {@code connectTimeout}.
     * Cancelling the future closes the client as soon as it is there.
     */
    public static CompletableFuture<Client> connect(Options options) {
        return connect(options, null);
    }

    /** As {@link #connect(Options)}, with a listener that is told of all events; {@code null} for none. */
    public static CompletableFuture<Client> connect(Options options, Listener listener) {
        byte[] settings = options.write();
        String name = options.name();
        String overlay = options.overlay();
        CompletableFuture<Client> connected = new CompletableFuture<>();
        try {
            Operations.start(null, reader -> new Client(reader.i64(), name, overlay, listener != null), token -> Native.connect(token, settings))
                    .whenComplete((client, error) -> {
                        if (error == null) {
                            hand(client, listener, connected);
                        } else {
                            connected.completeExceptionally(error);
                        }
                    });
        } finally {
            Options.wipe(settings);
        }
        return connected;
    }

    /**
     * As {@link #connect(Options)} without waiting: the daemon may come later. What is published waits until then.
     *
     * @throws OptionException an option is out of its range
     * @throws SystemException the system gave no socket or thread
     */
    public static Client start(Options options) {
        return start(options, null);
    }

    /** As {@link #start(Options)}, with a listener that is told of all events; {@code null} for none. */
    public static Client start(Options options, Listener listener) {
        byte[] settings = options.write();
        try {
            long number = Reader.outcome(Native.start(settings)).i64();
            Client client = new Client(number, options.name(), options.overlay(), listener != null);
            client.listen(listener);
            return client;
        } finally {
            Options.wipe(settings);
        }
    }

    /** The client's name. */
    public String name() {
        return name;
    }

    /** What the application calls the overlay. */
    public Optional<String> overlay() {
        return Optional.ofNullable(overlay);
    }

    /** Where it stands. */
    public State state() {
        Reader reader = readState();
        int state = reader == null ? 2 : reader.u8();
        return state == 0 ? State.CONNECTING : state == 1 ? State.CONNECTED : State.CLOSED;
    }

    /** The member name of the daemon that it has a session with. */
    public Optional<String> daemon() {
        Reader reader = readState();
        return reader != null && reader.u8() == 1 ? Optional.of(reader.text()) : Optional.empty();
    }

    /**
     * Subscribes to event types; completes when the daemon serves them, and while there is no session, when there is one. Those subscribed to already are left as they are.
     *
     * <p>Fails with {@link ArgumentException}, {@link RefusedException}, {@link ClosedException}; none of the types is subscribed to then.
     */
    public CompletableFuture<Void> subscribe(String... types) {
        return subscribe(Arrays.asList(types));
    }

    /** As {@link #subscribe(String...)}. */
    public CompletableFuture<Void> subscribe(Collection<String> types) {
        return operate(Native.SUBSCRIBE, new Writer().names(types).take(), Client::nothing);
    }

    /** Ends subscriptions; completes when the daemon knows. What was delivered before is still told. Types not subscribed to are left out. */
    public CompletableFuture<Void> unsubscribe(String... types) {
        return unsubscribe(Arrays.asList(types));
    }

    /** As {@link #unsubscribe(String...)}. */
    public CompletableFuture<Void> unsubscribe(Collection<String> types) {
        return operate(Native.UNSUBSCRIBE, new Writer().names(types).take(), Client::nothing);
    }

    /** The event types subscribed to, by name; completes when changes under way are done. */
    public CompletableFuture<List<String>> subscriptions() {
        return operate(Native.SUBSCRIPTIONS, Native.NOTHING, reader -> reader.list(Reader::text));
    }

    /**
     * Publishes one message of 0 to 60,000 bytes; completes when the daemon has taken responsibility for it.
     *
     * <p>Fails with {@link ArgumentException}, {@link RefusedException}, {@link NotAcknowledgedException}, {@link ClosedException}.
     */
    public CompletableFuture<Void> publish(String type, byte[] payload) {
        byte[] written = type(type);
        Objects.requireNonNull(payload, "payload");
        return Operations.start(this, Client::nothing, token -> Native.publish(token, handle.number, written, payload));
    }

    /** Publishes a digest; see {@link #publish(String, byte[])}. */
    public CompletableFuture<Void> publish(String type, Digest digest) {
        return publish(type, digest.write());
    }

    /**
     * Hands over one message without waiting for its acknowledgement: {@link #flush} does, and tells what failed. The future is complete already where there is room, which is nearly
     * always; otherwise wait for it before you go on, or messages pile up in memory. Messages of one thread keep their order.
     *
     * <p>Fails with {@link ArgumentException}, {@link ClosedException}.
     */
    public CompletableFuture<Void> send(String type, byte[] payload) {
        byte[] written = type(type);
        Objects.requireNonNull(payload, "payload");
        byte[] outcome = Native.send(handle.number, written, payload);
        used = true;
        if (outcome == null) {
            return CompletableFuture.completedFuture(null);
        }
        if (outcome.length == 0) {
            return Operations.start(this, Client::nothing, token -> Native.sendInTurn(token, handle.number, written, payload));
        }
        CompletableFuture<Void> failed = new CompletableFuture<>();
        Reader reader = new Reader(outcome);
        reader.bool();
        failed.completeExceptionally(GossiperlException.read(reader));
        return failed;
    }

    /** Hands over a digest; see {@link #send(String, byte[])}. */
    public CompletableFuture<Void> send(String type, Digest digest) {
        return send(type, digest.write());
    }

    /**
     * Hands over one message now, or not at all.
     *
     * @throws BusyException there is no room: the window is full, or the daemon holds publishers of the type back
     * @throws ArgumentException the type or the payload is wrong
     * @throws ClosedException the client is closed
     */
    public void trySend(String type, byte[] payload) {
        byte[] outcome = Native.trySend(handle.number, type(type), Objects.requireNonNull(payload, "payload"));
        used = true;
        if (outcome != null) {
            Reader.outcome(outcome);
        }
    }

    /** Completes when the daemon has taken responsibility for everything published so far. Fails with the first failure since the last flush. */
    public CompletableFuture<Void> flush() {
        return operate(Native.FLUSH, Native.NOTHING, Client::nothing);
    }

    /** The members as the daemon knows them now. Fails with {@link SystemException} beyond 65,536. */
    public CompletableFuture<List<Member>> members() {
        return operate(Native.MEMBERS, Native.NOTHING, reader -> reader.list(Member::new));
    }

    /** The members as they are now; every change from now on is an {@link Event.MemberChanged}. */
    public CompletableFuture<List<Member>> watchMembers() {
        return operate(Native.WATCH_MEMBERS, Native.NOTHING, reader -> reader.list(Member::new));
    }

    /**
     * Adds a key of the overlay's ring to those it opens with.
     *
     * @throws OptionException the key is empty
     */
    public void addKey(byte[] key) {
        byte[] outcome = Native.addKey(handle.number, key);
        used = true;
        Reader.outcome(outcome);
    }

    /**
     * Waits for events and takes at most {@code max} (at least 1) of them, in the order they came, as many as there are. Several threads at once share the events.
     *
     * @param timeout how long to wait; the list is empty then. {@code null} for as long as it takes
     * @return {@code null} when the client is closed and everything has been read
     * @throws InterruptedException the thread was interrupted while it waited; nothing is lost
     * @throws IllegalStateException the client has a listener, which is told of them
     */
    public List<Event> nextEvents(int max, Duration timeout) throws InterruptedException {
        pulled();
        return read(Math.max(1, max), timeout);
    }

    /**
     * All events from now to the end, each as soon as it is there. It ends when the client is closed and everything has been read; and when the thread is interrupted, which stays
     * interrupted then.
     *
     * @throws IllegalStateException the client has a listener, which is told of them
     */
    public Iterable<Event> events() {
        pulled();
        return () -> new Pulled<>(Event.class);
    }

    /** As {@link #events}, but deliveries only; all else is left out. */
    public Iterable<Delivery> deliveries() {
        pulled();
        return () -> new Pulled<>(Delivery.class);
    }

    /**
     * Lets the work under way come to its end before closing: ends all subscriptions; completes when everything published is acknowledged. What was delivered is still told. Fails with the
     * first failure since the last flush.
     */
    public CompletableFuture<Void> drain() {
        return operate(Native.DRAIN, Native.NOTHING, Client::nothing);
    }

    /**
     * Closes: waits until what was published is acknowledged, but no longer than the {@code closeTimeout}, and says goodbye to the daemon. What was delivered is still told. Closing again
     * does nothing.
     */
    @Override
    public void close() {
        try {
            closeAsync().join();
        } catch (CompletionException failed) {
            if (failed.getCause() instanceof GossiperlException) {
                throw (GossiperlException) failed.getCause();
            }
            throw failed;
        }
    }

    /** As {@link #close}, without waiting. */
    public synchronized CompletableFuture<Void> closeAsync() {
        if (closing == null) {
            closing = operate(Native.CLOSE, Native.NOTHING, Client::nothing).thenRun(this::keepRest);
        }
        // One of the caller's own, to cancel as it likes.
        return closing.thenRun(() -> {});
    }

    @Override
    public String toString() {
        return "Client(" + (overlay == null ? "" : overlay + ", ") + name + ")";
    }

    /** As {@link #nextEvents}, for the listener's thread as well. */
    List<Event> read(int max, Duration timeout) throws InterruptedException {
        long until = timeout == null ? Long.MAX_VALUE : deadline(timeout);
        if (!reading.tryLock() && !reading.tryLock(left(until), TimeUnit.MILLISECONDS)) {
            return new ArrayList<>();
        }
        try {
            return readLocked(max, until);
        } finally {
            reading.unlock();
        }
    }

    private List<Event> readLocked(int max, long until) throws InterruptedException {
        while (taken.isEmpty() && !ended) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            long left = left(until);
            List<Event> batch = take(max, Math.min(left, listened ? LONG : SLICE));
            if (batch != null && (!batch.isEmpty() || left == 0)) {
                return batch;
            }
        }
        if (taken.isEmpty()) {
            return null;
        }
        List<Event> batch = new ArrayList<>(Math.min(max, taken.size()));
        while (batch.size() < max && !taken.isEmpty()) {
            batch.add(taken.poll());
        }
        return batch;
    }

    /** Takes events from the native half, and frees it at the end. */
    private List<Event> take(int max, long milliseconds) {
        byte[] batch = Native.nextEvents(handle.number, max, milliseconds);
        if (batch == null) {
            ended = true;
            handle.free();
            return null;
        }
        Reader reader = Reader.outcome(batch);
        int count = reader.i32();
        List<Event> events = new ArrayList<>(count);
        while (count-- > 0) {
            events.add(Event.read(reader));
        }
        return events;
    }

    /** The next event for one that takes them one by one; {@code null} at the end. */
    private Event readOne() throws InterruptedException {
        reading.lockInterruptibly();
        try {
            if (taken.isEmpty()) {
                List<Event> batch = readLocked(BATCH, Long.MAX_VALUE);
                if (batch != null) {
                    taken.addAll(batch);
                }
            }
            return taken.poll();
        } finally {
            reading.unlock();
        }
    }

    /** Once closed: what can still be read moves over here, and the native half is freed though nobody may ever read again. A listener's thread does so by itself. */
    private void keepRest() {
        if (listened) {
            return;
        }
        reading.lock();
        try {
            while (!ended) {
                List<Event> batch = take(BATCH, 0);
                if (batch != null) {
                    taken.addAll(batch);
                }
            }
        } finally {
            reading.unlock();
        }
    }

    /** Gives the client to who asked for it, unless nobody waits for it any more. */
    private static void hand(Client client, Listener listener, CompletableFuture<Client> connected) {
        try {
            client.listen(listener);
        } catch (Throwable noThread) {
            connected.completeExceptionally(noThread);
            return;
        }
        if (!connected.complete(client)) {
            client.closeAsync();
        }
    }

    private void listen(Listener listener) {
        if (listener == null) {
            return;
        }
        try {
            Dispatcher.start(this, listener);
        } catch (Throwable noThread) {
            handle.free();
            throw noThread;
        }
    }

    private <T> CompletableFuture<T> operate(int operation, byte[] argument, Function<Reader, T> read) {
        return Operations.start(this, read, token -> Native.operate(token, handle.number, operation, argument));
    }

    /** {@code null}: it is closed and freed. */
    private Reader readState() {
        byte[] state = Native.state(handle.number);
        used = true;
        Reader reader = new Reader(state);
        return reader.bool() ? null : reader;
    }

    private byte[] type(String name) {
        EventType type = lastType;
        if (!type.name.equals(name)) {
            type = new EventType(name);
            lastType = type;
        }
        return type.written;
    }

    private void pulled() {
        if (listened) {
            throw new IllegalStateException("this client has a listener, which is told of its events: start it without one to read them yourself");
        }
    }

    private static Void nothing(Reader reader) {
        return null;
    }

    private static long deadline(Duration timeout) {
        try {
            return Math.addExact(now(), Math.max(0, timeout.toMillis()));
        } catch (ArithmeticException never) {
            return Long.MAX_VALUE;
        }
    }

    private static long left(long until) {
        return until == Long.MAX_VALUE ? LONG : Math.max(0, until - now());
    }

    /** Milliseconds of a clock that nobody sets. */
    private static long now() {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime());
    }

    /** Events of one class, one by one. */
    private final class Pulled<E extends Event> implements Iterator<E> {
        private final Class<E> wanted;
        private E next;

        Pulled(Class<E> wanted) {
            this.wanted = wanted;
        }

        @Override
        public boolean hasNext() {
            try {
                while (next == null) {
                    Event event = readOne();
                    if (event == null) {
                        return false;
                    }
                    next = wanted.isInstance(event) ? wanted.cast(event) : null;
                }
                return true;
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                return false;
            }
        }

        @Override
        public E next() {
            if (!hasNext()) {
                throw new NoSuchElementException("the client is closed, and everything has been read");
            }
            E given = next;
            next = null;
            return given;
        }
    }
}
