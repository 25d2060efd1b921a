package com.gossiperl.client;

import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.LongConsumer;

/**
 * Operations under way, and the threads that complete their futures.
 *
 * <p>One thread, the leader, waits in the native library for completions and takes many at once. Completing a future runs whatever the application has hung onto it, which may block. So
 * before a thread completes anything, it sees to it that another is there to lead, or starts one: what blocks holds back nothing else, as long as fewer than {@link #MOST} block at once.
 * While nothing blocks there are two or three threads.
 */
final class Operations {
    /** Completions taken in one crossing. */
    private static final int BATCH = 1024;
    /** Threads, at most; and those that stay though there is nothing for them to do. */
    private static final int MOST = 256;
    private static final int SPARE = 3;

    private static final Map<Long, Operation<?>> UNDER_WAY = new ConcurrentHashMap<>();
    private static final Operation<Void> NOBODYS = new Operation<>(null, reader -> null);
    private static final AtomicLong TOKENS = new AtomicLong();

    private static final Queue<Runnable> TAKEN = new ConcurrentLinkedQueue<>();
    private static final ReentrantLock LEADING = new ReentrantLock();
    private static final AtomicInteger THREADS = new AtomicInteger(1);
    /** Threads that are not completing anything: one leads, the others are about to. */
    private static final AtomicInteger READY = new AtomicInteger(1);

    static {
        Threads.start("gossiperl-completions", Operations::complete);
    }

    private Operations() {}

    /** An operation; it keeps its client from being forgotten. */
    private static final class Operation<T> {
        private final CompletableFuture<T> future = new CompletableFuture<>();
        /** Never looked at. */
        @SuppressWarnings("unused")
        private final Client client;
        private final Function<Reader, T> read;

        Operation(Client client, Function<Reader, T> read) {
            this.client = client;
            this.read = read;
        }

        /** Reads the answer or the error, and leaves the rest to the thread that completes. */
        Runnable complete(Reader reader) {
            if (reader.bool()) {
                GossiperlException error = GossiperlException.read(reader);
                return () -> future.completeExceptionally(error);
            }
            T answer = read.apply(reader);
            return () -> future.complete(answer);
        }
    }

    /**
     * Starts an operation.
     *
     * @param client whose it is; {@code null} where there is none yet
     * @param read reads the answer; runs on the leading thread, so it does nothing else
     * @param call starts it under a token
     */
    static <T> CompletableFuture<T> start(Client client, Function<Reader, T> read, LongConsumer call) {
        long token = TOKENS.incrementAndGet();
        Operation<T> operation = new Operation<>(client, read);
        UNDER_WAY.put(token, operation);
        try {
            call.accept(token);
        } catch (Throwable thrown) {
            UNDER_WAY.remove(token);
            throw thrown;
        }
        return operation.future;
    }

    private static void complete() {
        while (true) {
            Runnable completion;
            try {
                completion = next();
            } catch (Throwable noMemory) {
                Threads.report(noMemory);
                continue;
            }
            if (READY.decrementAndGet() == 0) {
                another();
            }
            try {
                completion.run();
            } catch (Throwable thrown) {
                Threads.report(thrown);
            }
            if (READY.get() >= SPARE) {
                THREADS.decrementAndGet();
                return;
            }
            READY.incrementAndGet();
        }
    }

    /** The next completion. Only the leader puts some into the queue, and it waits for more only while the queue is empty. */
    private static Runnable next() {
        Runnable completion = TAKEN.poll();
        if (completion != null) {
            return completion;
        }
        LEADING.lock();
        try {
            while ((completion = TAKEN.poll()) == null) {
                take();
            }
            return completion;
        } finally {
            LEADING.unlock();
        }
    }

    private static void take() {
        Reader reader = new Reader(Native.completions(BATCH));
        for (int left = reader.i32(); left > 0; left--) {
            Operation<?> operation = UNDER_WAY.remove(reader.i64());
            // One whose start threw, and which nobody waits for, completes with an error as well.
            TAKEN.add((operation == null ? NOBODYS : operation).complete(reader));
        }
    }

    private static void another() {
        if (THREADS.incrementAndGet() > MOST) {
            THREADS.decrementAndGet();
            return;
        }
        READY.incrementAndGet();
        try {
            Threads.start("gossiperl-completions", Operations::complete);
        } catch (Throwable noThread) {
            READY.decrementAndGet();
            THREADS.decrementAndGet();
            Threads.report(noThread);
        }
    }
}
