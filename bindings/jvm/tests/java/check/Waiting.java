package check;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.fail;

import com.gossiperl.client.Client;
import com.gossiperl.client.Event;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** Waits, for longer than anything takes on a machine that is up. */
final class Waiting {
    static final Duration LONG = Duration.ofSeconds(180);

    private Waiting() {}

    static <T> T soon(CompletableFuture<T> future) throws Exception {
        return future.get(LONG.getSeconds(), TimeUnit.SECONDS);
    }

    /** The error that a future fails with. */
    static <E extends Throwable> E failure(Class<E> kind, CompletableFuture<?> future) {
        ExecutionException failed = assertThrows(ExecutionException.class, () -> soon(future));
        return assertInstanceOf(kind, failed.getCause());
    }

    /** The next event of this class; others are left out. */
    static <E extends Event> E next(Client client, Class<E> kind) throws InterruptedException {
        while (true) {
            List<Event> events = client.nextEvents(1, LONG);
            assertNotNull(events, "the client is closed");
            if (events.isEmpty()) {
                return fail("no " + kind.getSimpleName());
            }
            if (kind.isInstance(events.get(0))) {
                return kind.cast(events.get(0));
            }
        }
    }

    static void until(String what, BooleanSupplier holds) throws InterruptedException {
        long end = System.nanoTime() + LONG.toNanos();
        while (!holds.getAsBoolean()) {
            if (System.nanoTime() > end) {
                fail("not so: " + what);
            }
            Thread.sleep(10);
        }
    }
}
