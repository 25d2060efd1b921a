package com.gossiperl.client;

import java.util.Arrays;
import java.util.Collection;

/** Writes values as {@code native/src/wire.rs} reads them. Wipes what it leaves behind when it grows: it may be secret. */
final class Writer {
    private byte[] bytes = new byte[64];
    private int length;

    /** What was written; the writer is empty and wiped then. */
    byte[] take() {
        byte[] taken = Arrays.copyOf(bytes, length);
        Arrays.fill(bytes, 0, length, (byte) 0);
        length = 0;
        return taken;
    }

    Writer u8(int value) {
        room(1);
        bytes[length++] = (byte) value;
        return this;
    }

    Writer bool(boolean value) {
        return u8(value ? 1 : 0);
    }

    Writer i16(short value) {
        return u8(value >> 8).u8(value);
    }

    Writer i32(int value) {
        return u8(value >> 24).u8(value >> 16).u8(value >> 8).u8(value);
    }

    Writer i64(long value) {
        return i32((int) (value >> 32)).i32((int) value);
    }

    Writer f64(double value) {
        return i64(Double.doubleToRawLongBits(value));
    }

    Writer bytes(byte[] value) {
        i32(value.length);
        room(value.length);
        System.arraycopy(value, 0, bytes, length, value.length);
        length += value.length;
        return this;
    }

    Writer text(String value) {
        boolean ascii = true;
        for (int index = 0; index < value.length() && ascii; index++) {
            ascii = value.charAt(index) < 0x80;
        }
        i32(ascii ? value.length() : -value.length());
        for (int index = 0; index < value.length(); index++) {
            if (!ascii) {
                u8(value.charAt(index) >> 8);
            }
            u8(value.charAt(index));
        }
        return this;
    }

    Writer names(Collection<String> names) {
        i32(names.size());
        names.forEach(this::text);
        return this;
    }

    Writer optionalText(String value) {
        bool(value != null);
        return value == null ? this : text(value);
    }

    Writer optionalI64(Long value) {
        bool(value != null);
        return value == null ? this : i64(value);
    }

    Writer optionalF64(Double value) {
        bool(value != null);
        return value == null ? this : f64(value);
    }

    private void room(int more) {
        if (bytes.length - length < more) {
            byte[] larger = Arrays.copyOf(bytes, Math.max(2 * bytes.length, Math.addExact(length, more)));
            Arrays.fill(bytes, (byte) 0);
            bytes = larger;
        }
    }
}
