package com.gossiperl.client;

import java.util.List;

/** Tells a listener of its client's events. */
final class Dispatcher {
    private static final int BATCH = 512;

    private final Client client;
    private final Listener listener;

    private Dispatcher(Client client, Listener listener) {
        this.client = client;
        this.listener = listener;
    }

    static void start(Client client, Listener listener) {
        Threads.start("gossiperl-" + client.name(), new Dispatcher(client, listener)::run);
    }

    private void run() {
        List<Event> batch;
        while ((batch = next()) != null) {
            for (Event event : batch) {
                tell(() -> event.tell(client, listener));
            }
        }
        tell(() -> listener.onClosed(client));
    }

    private List<Event> next() {
        while (true) {
            try {
                return client.read(BATCH, null);
            } catch (InterruptedException byTheListener) {
                // It ends when the client is closed, and no sooner.
            }
        }
    }

    private static void tell(Runnable telling) {
        try {
            telling.run();
        } catch (Throwable thrown) {
            Threads.report(thrown);
        }
    }
}
