package com.gossiperl.kotlin

import java.nio.ByteBuffer

/** Reads and writes the batches that cross; client-ffi/uniffi/src/rows.rs says how they are laid out. */
internal object Rows {
    fun events(batch: ByteArray): List<Event> {
        var type = ""
        return read(batch) { kind, first, second, third ->
            if (kind == NUMBERED || kind == DELIVERY) {
                // Of those of one type in a row only the first names it.
                if (first.isNotEmpty()) type = Names.text(first)
                Delivery(type, if (kind == NUMBERED) numbers(second) else second.decodeToString(), third)
            } else {
                event(kind, first, second, third)
            }
        }
    }

    fun members(batch: ByteArray): List<Member> =
        read(batch) { _, first, second, third -> member(first, ByteBuffer.wrap(second).apply { get() }, third) }

    /** A batch of messages of one type to be handed over. */
    fun messages(type: ByteArray, payloads: List<ByteArray>): ByteArray {
        val size = payloads.sumOf { 16L + type.size + it.size } + 4
        val batch = ByteBuffer.allocate(Math.toIntExact(size))
        batch.putInt(payloads.size)
        for (payload in payloads) batch.putInt(0).putInt(type.size).putInt(0).putInt(payload.size)
        for (payload in payloads) batch.put(type).put(payload)
        return batch.array()
    }

    private fun <T> read(batch: ByteArray, row: (Int, ByteArray, ByteArray, ByteArray) -> T): List<T> {
        val table = ByteBuffer.wrap(batch)
        val count = table.int
        var at = 4 + 16 * count
        fun cut(): ByteArray {
            val end = at + table.int
            return batch.copyOfRange(at, end).also { at = end }
        }
        return List(count) { row(table.int, cut(), cut(), cut()) }
    }

    private fun event(kind: Int, first: ByteArray, second: ByteArray, third: ByteArray): Event = when (kind) {
        1 -> Event.Connected(Names.text(first), third.isNotEmpty())
        2 -> Event.Disconnected(first.decodeToString())
        3 -> Event.Subscribed(names(first))
        4 -> Event.Unsubscribed(names(first))
        6 -> ByteBuffer.wrap(second).let { rest ->
            Event.MemberChanged(MemberChange.entries[rest.get().toInt()], member(first, rest, third))
        }
        7 -> {
            val code = if (third.isEmpty()) null else ByteBuffer.wrap(third).int
            Event.Failed(exception(second.decodeToString(), first.decodeToString(), code = code))
        }
        8 -> Event.Dropped(if (first.isEmpty()) null else Names.text(first), ByteBuffer.wrap(second).long)
        9 -> Event.Paused(Names.text(first))
        10 -> Event.Resumed(Names.text(first))
        else -> error("an event of kind $kind, which the native library does not have")
    }

    /** [rest] is the second part after its first byte. */
    private fun member(first: ByteArray, rest: ByteBuffer, third: ByteArray): Member {
        val kind = MemberKind.entries[rest.get().toInt()]
        val state = MemberState.entries[rest.get().toInt()]
        val rack = if (rest.get().toInt() == 0) null else Names.text(third)
        val heartbeat = rest.long
        val address = ByteArray(rest.remaining()).also { rest.get(it) }.decodeToString()
        return Member(Names.text(first), kind, state, address.ifEmpty { null }, rack, heartbeat)
    }

    private fun numbers(id: ByteArray): String = buildString(2 * id.size + 1) {
        for ((place, byte) in id.withIndex()) {
            if (place == id.size / 2) append('-')
            append(Character.forDigit(byte.toInt() shr 4 and 15, 16)).append(Character.forDigit(byte.toInt() and 15, 16))
        }
    }

    private fun names(part: ByteArray): List<String> {
        val rest = ByteBuffer.wrap(part)
        return buildList {
            while (rest.hasRemaining()) add(Names.text(ByteArray(rest.int).also { rest.get(it) }))
        }
    }

    private const val DELIVERY = 5
    private const val NUMBERED = 11
}
