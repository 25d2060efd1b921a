package com.gossiperl.client;

import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The native half of a client: freed when the client has told its last event, or when nobody can reach the client any more.
 *
 * <p>Numbers are never used again and looked up at each call, so freeing twice does nothing, and a call after it is a {@link ClosedException}.
 */
final class Handle extends PhantomReference<Client> {
    private static final ReferenceQueue<Client> FORGOTTEN = new ReferenceQueue<>();
    /** Those that are not freed: a reference has to be reachable itself to be told. */
    private static final Set<Handle> HELD = ConcurrentHashMap.newKeySet();

    static {
        Threads.start("gossiperl-forgotten", Handle::freeForgotten);
    }

    final long number;

    Handle(Client client, long number) {
        super(client, FORGOTTEN);
        this.number = number;
        HELD.add(this);
    }

    void free() {
        if (HELD.remove(this)) {
            Native.free(number);
        }
    }

    private static void freeForgotten() {
        while (true) {
            try {
                ((Handle) FORGOTTEN.remove()).free();
            } catch (InterruptedException nobodysBusiness) {
                // It has to go on.
            }
        }
    }
}
