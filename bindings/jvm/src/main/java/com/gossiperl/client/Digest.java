package com.gossiperl.client;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A message of typed fields: any id from -32768 to 32767, each once, and one of seven kinds. What is read back is of the kind it was sent as.
 *
 * <pre>{@code
 * client.publish("doors", new Digest().putString(1, "door 7").putBoolean(2, true).putDouble(3, 21.5)).join();
 * }</pre>
 *
 * <p>Not for several threads at once while it is changed.
 */
public final class Digest {
    /** Boolean, Byte, Short, Integer, Long, Double or byte[]. */
    private final SortedMap<Integer, Object> fields = new TreeMap<>();

    /** One without fields. */
    public Digest() {}

    /** Sets a field of kind bool. */
    public Digest putBoolean(int id, boolean value) {
        return put(id, value);
    }

    /** Sets a field of kind byte: 8 bits. */
    public Digest putByte(int id, byte value) {
        return put(id, value);
    }

    /** Sets a field of kind i16. */
    public Digest putShort(int id, short value) {
        return put(id, value);
    }

    /** Sets a field of kind i32. */
    public Digest putInt(int id, int value) {
        return put(id, value);
    }

    /** Sets a field of kind i64. */
    public Digest putLong(int id, long value) {
        return put(id, value);
    }

    /** Sets a field of kind double. All bits are kept, of a NaN as well. */
    public Digest putDouble(int id, double value) {
        return put(id, value);
    }

    /** Sets a field of kind string from text; a lone surrogate U+DC80 to U+DCFF is the byte that it stands for. */
    public Digest putString(int id, String value) {
        return put(id, Names.encode(value));
    }

    /** Sets a field of kind string from bytes. */
    public Digest putBytes(int id, byte[] value) {
        return put(id, value.clone());
    }

    /** A field of kind bool. */
    public boolean getBoolean(int id) {
        return get(id, Boolean.class);
    }

    /** A field of kind byte. */
    public byte getByte(int id) {
        return get(id, Byte.class);
    }

    /** A field of kind i16. */
    public short getShort(int id) {
        return get(id, Short.class);
    }

    /** A field of kind i32. */
    public int getInt(int id) {
        return get(id, Integer.class);
    }

    /** A field of kind i64. */
    public long getLong(int id) {
        return get(id, Long.class);
    }

    /** A field of kind double. */
    public double getDouble(int id) {
        return get(id, Double.class);
    }

    /** A field of kind string as text; a byte that is not part of UTF-8 is the lone surrogate U+DC80 to U+DCFF. */
    public String getString(int id) {
        return Names.decode(get(id, byte[].class));
    }

    /** A field of kind string as bytes. */
    public byte[] getBytes(int id) {
        return get(id, byte[].class).clone();
    }

    /**
     * The fields by rising id. The kinds are {@link Boolean}, {@link Byte}, {@link Short}, {@link Integer}, {@link Long}, {@link Double}, and {@code byte[]} for strings.
     */
    public SortedMap<Integer, Object> fields() {
        return Collections.unmodifiableSortedMap(fields);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("Digest(");
        fields.forEach((id, value) -> text.append(text.length() > 7 ? ", " : "").append(id).append(": ")
                .append(value instanceof byte[] ? Names.decode((byte[]) value) : value));
        return text.append(')').toString();
    }

    /** The payload that this digest is. */
    byte[] write() {
        Writer writer = new Writer().i32(fields.size());
        fields.forEach((id, value) -> write(writer.i16(id.shortValue()), value));
        return Reader.outcome(Native.writeDigest(writer.take())).bytes();
    }

    /** The digest that this payload is. */
    static Digest read(byte[] payload) {
        Reader reader = Reader.outcome(Native.readDigest(payload));
        Digest digest = new Digest();
        for (int left = reader.i32(); left > 0; left--) {
            digest.put(reader.i16(), value(reader));
        }
        return digest;
    }

    private static void write(Writer writer, Object value) {
        if (value instanceof Boolean) {
            writer.u8(0).bool((Boolean) value);
        } else if (value instanceof Byte) {
            writer.u8(1).u8((Byte) value);
        } else if (value instanceof Short) {
            writer.u8(2).i16((Short) value);
        } else if (value instanceof Integer) {
            writer.u8(3).i32((Integer) value);
        } else if (value instanceof Long) {
            writer.u8(4).i64((Long) value);
        } else if (value instanceof Double) {
            writer.u8(5).f64((Double) value);
        } else {
            writer.u8(6).bytes((byte[]) value);
        }
    }

    private static Object value(Reader reader) {
        switch (reader.u8()) {
            case 0:
                return reader.bool();
            case 1:
                return reader.i8();
            case 2:
                return reader.i16();
            case 3:
                return reader.i32();
            case 4:
                return reader.i64();
            case 5:
                return reader.f64();
            default:
                return reader.bytes();
        }
    }

    private Digest put(int id, Object value) {
        if (id != (short) id) {
            throw new ArgumentException("a field of a digest with the id " + id + ": give -32768 to 32767");
        }
        fields.put(id, value);
        return this;
    }

    private <T> T get(int id, Class<T> wanted) {
        Object value = fields.get(id);
        if (value == null) {
            throw new ArgumentException("the digest has no field " + id + ": see which it has with fields()");
        }
        if (!wanted.isInstance(value)) {
            throw new ArgumentException("field " + id + " of the digest is of kind " + name(value.getClass()) + ", not " + name(wanted)
                    + ": read it as what its publisher sends");
        }
        return wanted.cast(value);
    }

    private static String name(Class<?> kind) {
        return kind == byte[].class ? "String" : kind.getSimpleName();
    }
}
