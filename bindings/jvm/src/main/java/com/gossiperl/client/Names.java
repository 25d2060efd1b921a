package com.gossiperl.client;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Text that stands for any bytes: UTF-8, and each byte that is not part of it as the lone surrogate U+DC80 to U+DCFF (Python's PEP 383, in every language the same). The native library
 * knows the rule; what is UTF-8, nearly everything, is done here.
 */
final class Names {
    private Names() {}

    static byte[] encode(String text) {
        try {
            ByteBuffer bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
            return Arrays.copyOf(bytes.array(), bytes.limit());
        } catch (CharacterCodingException lone) {
            return Reader.outcome(Native.textToBytes(new Writer().text(text).take())).bytes();
        }
    }

    static String decode(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException notText) {
            return new Reader(Native.bytesToText(bytes)).text();
        }
    }
}
