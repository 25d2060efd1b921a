import com.gossiperl.kotlin.Client
import com.gossiperl.kotlin.Digest
import com.gossiperl.kotlin.Event
import com.gossiperl.kotlin.InvalidArgumentException
import com.gossiperl.kotlin.Names
import com.gossiperl.kotlin.Value
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.random.Random
import kotlin.time.Duration

class MessagesTest : DaemonTest() {
    @Test
    fun `a message arrives as it was published`() = test {
        val type = unique("plain")
        val reader = connect().apply { subscribe(type) }
        val writer = connect()
        val payloads = listOf("".toByteArray(), ByteArray(256) { it.toByte() }, Random.nextBytes(60_000), "größe 🙂".toByteArray())
        payloads.forEach { writer.publish(type, it) }
        val ids = payloads.map { payload ->
            val delivery = reader.delivery()
            assertEquals(type, delivery.type)
            assertArrayEquals(payload, delivery.payload)
            delivery.id
        }
        assertEquals(payloads.size, ids.toSet().size)
    }

    @Test
    fun `names of any bytes`() = test {
        val bytes = byteArrayOf(-1, -2, 0) + unique(".odd.größe🙂").toByteArray()
        val type = Names.text(bytes)
        assertTrue(type.startsWith("\uDCFF\uDCFE\u0000.odd.größe🙂"), type)
        assertArrayEquals(bytes, Names.bytes(type))
        val reader = connect().apply { subscribe(type) }
        assertEquals(listOf(type), reader.subscriptions())
        connect().publish(type, "x")
        assertEquals(type, reader.delivery().type)
        reader.unsubscribe(type)
        assertEquals(listOf(type), reader.await<Event.Unsubscribed>().types)
        assertEquals("\uFFFD", Names.text("\uFFFD".toByteArray()))
        assertThrows(InvalidArgumentException::class.java) { Names.bytes("\uD800") }
    }

    @Test
    fun `a digest of every kind of field`() = test {
        val type = unique("digest")
        val reader = connect().apply { subscribe(type) }
        val nan = Double.fromBits(0x7ff8000000000123)
        val sent = Digest {
            this[1] = true
            this[2] = false
            this[-32_768] = Byte.MIN_VALUE
            this[3] = Short.MIN_VALUE
            this[4] = Int.MAX_VALUE
            this[5] = Long.MIN_VALUE
            this[6] = (1L shl 53) + 1
            this[7] = -0.0
            this[8] = nan
            this[9] = Double.POSITIVE_INFINITY
            this[10] = byteArrayOf(-1, 0)
            this[32_767] = "größe"
            this[0] = ""
        }
        val writer = connect()
        writer.publish(type, sent)
        writer.publish(type, Digest())
        val read = reader.delivery().digest()
        assertEquals(sent, read)
        assertEquals(0x7ff8000000000123, read.double(8)?.toRawBits())
        assertEquals((-0.0).toRawBits(), read.double(7)?.toRawBits())
        assertEquals(Byte.MIN_VALUE, read.byte(-32_768))
        assertEquals(Long.MIN_VALUE, read.long(5))
        assertEquals("größe", read.string(32_767))
        assertEquals(listOf(true, Short.MIN_VALUE, Int.MAX_VALUE), listOf(read.boolean(1), read.short(3), read.int(4)))
        assertArrayEquals(byteArrayOf(-1, 0), read.bytes(10))
        assertTrue(read[3] is Value.I16)
        assertNull(read[99])
        assertNull(read.long(1))
        assertEquals(Digest(), reader.delivery().digest())
    }

    @Test
    fun `what is no digest`() = test {
        val type = unique("bytes")
        val reader = connect().apply { subscribe(type) }
        connect().publish(type, byteArrayOf(-1, 32))
        val delivery = reader.delivery()
        assertThrows(InvalidArgumentException::class.java) { delivery.digest() }
        assertThrows(InvalidArgumentException::class.java) { Digest { this[32_768] = true } }
    }

    @Test
    fun `sent messages come in order`() = test {
        val type = unique("sent")
        val reader = connect().apply { subscribe(type) }
        val writer = connect()
        for (number in 0..<100) writer.send(type, "$number".toByteArray())
        writer.sendAll(type, (100..<5_000).map { "$it".toByteArray() })
        writer.flush()
        assertEquals((0..<5_000).toList(), reader.deliveries.take(5_000).toList().map { it.text.toInt() })
    }

    @Test
    fun `sending at once or not at all`() {
        val client = held(Client.start(1, "nobody", "key") { publishWindow = 2; closeTimeout = Duration.ZERO })
        assertTrue(client.trySend("a", ByteArray(0)))
        assertTrue(client.trySend("a", ByteArray(0)))
        assertFalse(client.trySend("a", ByteArray(0)))
    }

    @Test
    fun `wrong arguments`() = test {
        val client = connect()
        val wrong = listOf<suspend () -> Unit>(
            { client.publish("", "") }, { client.publish("member_in", "") }, { client.publish("a", ByteArray(60_001)) },
            { client.subscribe() }, { client.subscribe("x".repeat(256)) }, { client.nextEvents(0) },
        )
        for (call in wrong) assertThrows(InvalidArgumentException::class.java) { runBlocking { call() } }
    }
}
