package com.gossiperl.kotlin

import com.gossiperl.kotlin.generated.nameFromUtf16
import com.gossiperl.kotlin.generated.nameToUtf16
import java.nio.ByteBuffer

/**
 * Names, of members and event types: bytes on the wire, and UTF-8 nearly always. A byte that is not part of UTF-8 is the lone surrogate U+DC80 to U+DCFF, the same in every language, so that any
 * name is a String and comes back as the bytes it was.
 */
public object Names {
    // The rule is the native library's, which is asked only where it may matter.

    /** The name of these bytes. */
    public fun text(name: ByteArray): String {
        val text = name.decodeToString()
        return if (REPLACEMENT in text) units(nameToUtf16(name)) else text
    }

    /** The bytes of this name. [InvalidArgumentException]: a surrogate that stands alone and for no byte. */
    public fun bytes(text: String): ByteArray {
        if (text.none { it.isSurrogate() }) return text.encodeToByteArray()
        val units = ByteBuffer.allocate(2 * text.length)
        for (unit in text) units.putChar(unit)
        return guard { nameFromUtf16(units.array()) }
    }

    private fun units(bytes: ByteArray): String {
        val units = ByteBuffer.wrap(bytes).asCharBuffer()
        return CharArray(units.remaining()).also { units.get(it) }.concatToString()
    }

    /** What the decoder puts where it can't decode. */
    private const val REPLACEMENT = '\uFFFD'
}
