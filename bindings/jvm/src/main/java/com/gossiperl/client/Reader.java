package com.gossiperl.client;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;

/** Reads values as {@code native/src/wire.rs} writes them. Of one thread at a time. */
final class Reader {
    private final byte[] bytes;
    private int at;

    /** The name that was read last, and where it stood: messages that follow each other are of the same type mostly. */
    private int nameAt;
    private int nameLength = -1;
    private String name;

    Reader(byte[] bytes) {
        this.bytes = bytes;
    }

    /** Reads what a call came to, and throws the error if it is one. */
    static Reader outcome(byte[] bytes) {
        Reader reader = new Reader(bytes);
        if (reader.bool()) {
            throw GossiperlException.read(reader);
        }
        return reader;
    }

    int u8() {
        return bytes[at++] & 0xff;
    }

    boolean bool() {
        return bytes[at++] != 0;
    }

    byte i8() {
        return bytes[at++];
    }

    short i16() {
        return (short) (u8() << 8 | u8());
    }

    int i32() {
        int value = (bytes[at] & 0xff) << 24 | (bytes[at + 1] & 0xff) << 16 | (bytes[at + 2] & 0xff) << 8 | bytes[at + 3] & 0xff;
        at += 4;
        return value;
    }

    long i64() {
        return (long) i32() << 32 | i32() & 0xffff_ffffL;
    }

    double f64() {
        return Double.longBitsToDouble(i64());
    }

    byte[] bytes() {
        int length = i32();
        byte[] taken = new byte[length];
        System.arraycopy(bytes, at, taken, 0, length);
        at += length;
        return taken;
    }

    String text() {
        int length = i32();
        if (length >= 0) {
            String text = new String(bytes, at, length, StandardCharsets.ISO_8859_1);
            at += length;
            return text;
        }
        char[] units = new char[-length];
        for (int index = 0; index < units.length; index++) {
            units[index] = (char) i16();
        }
        return new String(units);
    }

    /** A text that is often the same as the one before. */
    String name() {
        int start = at;
        int length = i32();
        if (length < 0) {
            at = start;
            return text();
        }
        if (length == nameLength && same(nameAt, at, length)) {
            at += length;
            return name;
        }
        at = start;
        name = text();
        nameAt = start + 4;
        nameLength = length;
        return name;
    }

    <T> List<T> list(Function<Reader, T> read) {
        int length = i32();
        List<T> list = new ArrayList<>(length);
        for (int index = 0; index < length; index++) {
            list.add(read.apply(this));
        }
        return Collections.unmodifiableList(list);
    }

    private boolean same(int one, int other, int length) {
        for (int index = 0; index < length; index++) {
            if (bytes[one + index] != bytes[other + index]) {
                return false;
            }
        }
        return true;
    }
}
