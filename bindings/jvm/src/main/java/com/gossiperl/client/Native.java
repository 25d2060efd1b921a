package com.gossiperl.client;

/** The methods of the native library; {@code native/src/methods.rs} says what each does. */
final class Native {
    static final byte[] NOTHING = new byte[0];

    /** Operations by their numbers. */
    static final int SUBSCRIBE = 0;
    static final int UNSUBSCRIBE = 1;
    static final int SUBSCRIPTIONS = 2;
    static final int FLUSH = 3;
    static final int MEMBERS = 4;
    static final int WATCH_MEMBERS = 5;
    static final int DRAIN = 6;
    static final int CLOSE = 7;

    static {
        Library.load();
    }

    private Native() {}

    static native byte[] start(byte[] settings);

    static native void connect(long token, byte[] settings);

    static native void free(long handle);

    static native byte[] state(long handle);

    static native byte[] addKey(long handle, byte[] key);

    static native void operate(long token, long handle, int operation, byte[] argument);

    static native void publish(long token, long handle, byte[] eventType, byte[] payload);

    static native byte[] send(long handle, byte[] eventType, byte[] payload);

    static native byte[] trySend(long handle, byte[] eventType, byte[] payload);

    static native void sendInTurn(long token, long handle, byte[] eventType, byte[] payload);

    static native byte[] nextEvents(long handle, int max, long milliseconds);

    static native byte[] completions(int max);

    static native byte[] writeDigest(byte[] fields);

    static native byte[] readDigest(byte[] payload);

    static native byte[] textToBytes(byte[] text);

    static native byte[] bytesToText(byte[] bytes);
}
