package com.gossiperl.kotlin

import com.gossiperl.kotlin.generated.digestFields
import com.gossiperl.kotlin.generated.digestPayload
import java.io.ByteArrayOutputStream
import java.io.DataOutputStream
import java.nio.ByteBuffer
import java.util.TreeMap

/** The value of a digest's field, with its kind. */
public sealed class Value {
    /** A boolean. */
    public data class Bool(val value: Boolean) : Value()

    /** 8 bits, signed. */
    public data class I8(val value: Byte) : Value()

    /** 16 bits, signed. */
    public data class I16(val value: Short) : Value()

    /** 32 bits, signed. */
    public data class I32(val value: Int) : Value()

    /** 64 bits, signed. */
    public data class I64(val value: Long) : Value()

    /** A double; the bits of a NaN are kept. */
    public data class F64(val value: Double) : Value()

    /** A string: any bytes, UTF-8 mostly. */
    public class Text(bytes: ByteArray) : Value() {
        private val held = bytes.copyOf()

        /** The bytes. */
        public val bytes: ByteArray get() = held.copyOf()

        /** The bytes as UTF-8, with replacement characters where they are not. */
        public val text: String get() = held.decodeToString()

        override fun equals(other: Any?): Boolean = other is Text && held.contentEquals(other.held)
        override fun hashCode(): Int = held.contentHashCode()
        override fun toString(): String = "Text($text)"
    }
}

/**
 * Typed fields under ids of the application's choice, -32,768 to 32,767: what clients of other languages publish and read by convention. Not for several threads at once.
 *
 *     val digest = Digest { this[1] = "door 7"; this[2] = true; this[3] = 21.5 }
 */
public class Digest() {
    private val held = TreeMap<Int, Value>()

    /** One with what [fill] sets. */
    public constructor(fill: Digest.() -> Unit) : this() {
        fill()
    }

    /** The fields by rising id. */
    public val fields: Map<Int, Value> get() = held

    /** The value of a field; `null` where there is none. */
    public operator fun get(id: Int): Value? = held[id]

    /** Sets a field. */
    public operator fun set(id: Int, value: Value) {
        if (id !in Short.MIN_VALUE..Short.MAX_VALUE) {
            throw InvalidArgumentException("the id of a field is $id: give one from -32768 to 32767")
        }
        held[id] = value
    }

    /** Sets a field of the kind bool. */
    public operator fun set(id: Int, value: Boolean): Unit = set(id, Value.Bool(value))

    /** Sets a field of the kind byte. */
    public operator fun set(id: Int, value: Byte): Unit = set(id, Value.I8(value))

    /** Sets a field of the kind i16. */
    public operator fun set(id: Int, value: Short): Unit = set(id, Value.I16(value))

    /** Sets a field of the kind i32. */
    public operator fun set(id: Int, value: Int): Unit = set(id, Value.I32(value))

    /** Sets a field of the kind i64. */
    public operator fun set(id: Int, value: Long): Unit = set(id, Value.I64(value))

    /** Sets a field of the kind double. */
    public operator fun set(id: Int, value: Double): Unit = set(id, Value.F64(value))

    /** Sets a field of the kind string. */
    public operator fun set(id: Int, value: String): Unit = set(id, Value.Text(value.encodeToByteArray()))

    /** Sets a field of the kind string to any bytes. */
    public operator fun set(id: Int, value: ByteArray): Unit = set(id, Value.Text(value))

    /** The field as a Boolean; `null` where there is none, or of another kind. */
    public fun boolean(id: Int): Boolean? = (held[id] as? Value.Bool)?.value

    /** The field as a Byte; `null` where there is none, or of another kind. */
    public fun byte(id: Int): Byte? = (held[id] as? Value.I8)?.value

    /** The field as a Short; `null` where there is none, or of another kind. */
    public fun short(id: Int): Short? = (held[id] as? Value.I16)?.value

    /** The field as an Int; `null` where there is none, or of another kind. */
    public fun int(id: Int): Int? = (held[id] as? Value.I32)?.value

    /** The field as a Long; `null` where there is none, or of another kind. */
    public fun long(id: Int): Long? = (held[id] as? Value.I64)?.value

    /** The field as a Double; `null` where there is none, or of another kind. */
    public fun double(id: Int): Double? = (held[id] as? Value.F64)?.value

    /** The field as a String; `null` where there is none, or of another kind. */
    public fun string(id: Int): String? = (held[id] as? Value.Text)?.text

    /** The field as bytes; `null` where there is none, or of another kind. */
    public fun bytes(id: Int): ByteArray? = (held[id] as? Value.Text)?.bytes

    /** The payload that carries the fields. */
    public fun toPayload(): ByteArray {
        val crossing = ByteArrayOutputStream()
        val out = DataOutputStream(crossing)
        for ((id, value) in held) {
            out.writeShort(id)
            when (value) {
                is Value.Bool -> out.head(1, 1).writeBoolean(value.value)
                is Value.I8 -> out.head(2, 1).writeByte(value.value.toInt())
                is Value.I16 -> out.head(3, 2).writeShort(value.value.toInt())
                is Value.I32 -> out.head(4, 4).writeInt(value.value)
                is Value.I64 -> out.head(5, 8).writeLong(value.value)
                is Value.F64 -> out.head(6, 8).writeLong(value.value.toRawBits())
                is Value.Text -> value.bytes.let { out.head(7, it.size).write(it) }
            }
        }
        return guard { digestPayload(crossing.toByteArray()) }
    }

    override fun equals(other: Any?): Boolean = other is Digest && held == other.held
    override fun hashCode(): Int = held.hashCode()
    override fun toString(): String = "Digest$held"

    public companion object {
        /** The fields that a payload carries. [InvalidArgumentException]: it is no digest. */
        public fun fromPayload(payload: ByteArray): Digest {
            val crossed = ByteBuffer.wrap(guard { digestFields(payload) })
            val digest = Digest()
            while (crossed.hasRemaining()) {
                val id = crossed.short.toInt()
                val kind = crossed.get().toInt()
                val length = crossed.int
                digest[id] = when (kind) {
                    1 -> Value.Bool(crossed.get().toInt() != 0)
                    2 -> Value.I8(crossed.get())
                    3 -> Value.I16(crossed.short)
                    4 -> Value.I32(crossed.int)
                    5 -> Value.I64(crossed.long)
                    6 -> Value.F64(Double.fromBits(crossed.long))
                    else -> Value.Text(ByteArray(length).also { crossed.get(it) })
                }
            }
            return digest
        }

        private fun DataOutputStream.head(kind: Int, length: Int): DataOutputStream {
            writeByte(kind)
            writeInt(length)
            return this
        }
    }
}
