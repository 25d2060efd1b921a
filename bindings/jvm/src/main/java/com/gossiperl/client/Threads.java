package com.gossiperl.client;

/** Threads of the package: none keeps a program from ending, and none keeps the class loader of whoever started it. */
final class Threads {
    private Threads() {}

    static void start(String name, Runnable body) {
        Thread thread = new Thread(null, body, name, 0);
        thread.setDaemon(true);
        thread.setContextClassLoader(Threads.class.getClassLoader());
        thread.start();
    }

    /** Tells of what code of the application threw. */
    static void report(Throwable thrown) {
        Thread thread = Thread.currentThread();
        try {
            thread.getUncaughtExceptionHandler().uncaughtException(thread, thrown);
        } catch (Throwable byTheHandler) {
            // The virtual machine ignores it as well.
        }
    }
}
