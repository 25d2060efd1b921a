import com.gossiperl.kotlin.Delivery
import com.gossiperl.kotlin.Event
import com.gossiperl.kotlin.MemberChange
import com.gossiperl.kotlin.MemberKind
import com.gossiperl.kotlin.MemberState
import com.gossiperl.kotlin.State
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.microseconds
import kotlin.time.Duration.Companion.milliseconds

class EventsTest : DaemonTest() {
    @Test
    fun `events come in order and end with the client`() = test {
        val type = unique("ordered")
        val client = connect()
        client.subscribe(type)
        client.unsubscribe(type)
        client.shutdown()
        val expected = listOf(Event.Connected("daemon", false), Event.Subscribed(listOf(type)), Event.Unsubscribed(listOf(type)))
        assertEquals(expected, client.events.toList())
        assertNull(client.nextEvents())
    }

    @Test
    fun `nothing for a while is nothing`() = test {
        val client = connect()
        client.await<Event.Connected>()
        assertEquals(emptyList<Event>(), client.nextEvents(timeout = 20.milliseconds))
        assertEquals(emptyList<Event>(), client.nextEvents(timeout = Duration.ZERO))
    }

    @Test
    fun `members and their changes`() = test {
        val watcher = connect()
        val name = unique("watched")
        val daemonItself = watcher.watchMembers().single { it.name == "daemon" }
        assertEquals(MemberKind.DAEMON, daemonItself.kind)
        val other = connect(name)
        val came = watcher.await<Event.MemberChanged> { it.member.name == name }
        assertEquals(MemberChange.IN to MemberState.REACHABLE, came.change to came.member.state)
        assertTrue(watcher.members().any { it.name == name && it.kind == MemberKind.CLIENT })
        other.shutdown()
        assertEquals(MemberChange.OUT, watcher.await<Event.MemberChanged> { it.member.name == name }.change)
    }

    @Test
    fun `a daemon that goes and comes back is two events and no lost subscription`() = test {
        val own = Daemon()
        try {
            val type = unique("kept")
            val client = connect(on = own).apply { subscribe(type) }
            assertEquals(listOf(Event.Connected("daemon", false), Event.Subscribed(listOf(type))), client.events.take(2).toList())
            own.crash()
            assertTrue(client.events.first() is Event.Disconnected)
            assertEquals(State.CONNECTING to null, client.state to client.daemon)
            own.start()
            val back = client.events.take(2).toList()
            assertTrue(back[0] is Event.Connected && back[1] == Event.Subscribed(listOf(type)), "$back")
            connect(on = own).publish(type, "still")
            assertEquals("still", client.delivery().text)
        } finally {
            closeAll()
            own.stop()
        }
    }

    @Test
    fun `a collector that throws or leaves loses nothing`() = test {
        val type = unique("collector")
        val client = connect().apply { subscribe(type) }
        val writer = connect()
        writer.sendAll(type, listOf("1", "2", "3", "4").map { it.toByteArray() })
        writer.flush()
        assertThrows(IllegalStateException::class.java) {
            runBlocking { client.deliveries.collect { check(it.text != "2") { "mine" } } }
        }
        assertEquals("3", client.deliveries.first().text)
        assertEquals("4", client.nextEvents()?.filterIsInstance<Delivery>()?.single()?.text)
    }

    @Test
    fun `a collector may use the client`() = test {
        val type = unique("reply")
        val client = connect().apply { subscribe(type) }
        val other = connect().apply { subscribe("$type.back") }
        val replying = launch { client.deliveries.collect { client.publish("$type.back", it.text.reversed()) } }
        other.publish(type, "abc")
        assertEquals("cba", other.delivery().text)
        replying.cancelAndJoin()
    }

    @Test
    fun `a cancelled reader loses nothing`() = test {
        val type = unique("cancelled")
        val client = connect().apply { subscribe(type) }
        val writer = connect()
        val seen = ConcurrentLinkedQueue<Int>()
        val reading = AtomicBoolean(true)
        val seed = Random.nextInt()
        println("seed $seed")
        val random = Random(seed)
        val readers = launch {
            while (reading.get()) {
                val reader = launch { client.deliveries.collect { seen.add(it.text.toInt()) } }
                delay(random.nextInt(3_000).microseconds)
                reader.cancelAndJoin()
            }
        }
        for (number in 0..<2_000) writer.publish(type, "$number")
        while (seen.size < 2_000) delay(10)
        reading.set(false)
        readers.join()
        assertEquals((0..<2_000).toList(), seen.toList())
    }

    @Test
    fun `several collectors share`() = test {
        val type = unique("shared")
        val client = connect().apply { subscribe(type) }
        val seen = ConcurrentLinkedQueue<Int>()
        val readers = List(4) { launch { client.deliveries.collect { seen.add(it.text.toInt()) } } }
        val writer = connect()
        writer.sendAll(type, (0..<2_000).map { "$it".toByteArray() })
        writer.flush()
        while (seen.size < 2_000) delay(10)
        client.shutdown()
        readers.joinAll()
        assertEquals((0..<2_000).toList(), seen.sorted())
    }

    @Test
    fun `what one collector leaves another that waits already sees`() = test {
        val type = unique("left")
        val client = connect().apply { subscribe(type) }
        client.await<Event.Subscribed>()
        val seen = ConcurrentLinkedQueue<String>()
        val leaving = List(3) { async(start = CoroutineStart.UNDISPATCHED) { seen.add(client.delivery().text) } }
        val staying = launch(start = CoroutineStart.UNDISPATCHED) { client.deliveries.collect { seen.add(it.text) } }
        val writer = connect()
        writer.sendAll(type, listOf("1", "2", "3", "4", "5").map { it.toByteArray() })
        leaving.awaitAll()
        while (seen.size < 5) delay(10)
        assertEquals(listOf("1", "2", "3", "4", "5"), seen.sorted())
        staying.cancelAndJoin()
    }

    @Test
    fun `a collector that blocks holds up nobody else`() = test {
        val type = unique("blocked")
        val client = connect().apply { subscribe(type) }
        val other = connect().apply { subscribe(type) }
        val blocked = CompletableDeferred<Unit>()
        val release = CountDownLatch(1)
        val blocking = launch(Dispatchers.IO) {
            client.deliveries.collect {
                blocked.complete(Unit)
                release.await()
            }
        }
        val writer = connect()
        repeat(100) { writer.publish(type, "$it") }
        blocked.await()
        assertEquals((0..<100).map { "$it" }, other.deliveries.take(100).toList().map { it.text })
        client.publish(type, "from the blocked client")
        assertEquals("from the blocked client", other.delivery().text)
        client.unsubscribe(type)
        release.countDown()
        blocking.cancelAndJoin()
    }

    @Test
    fun `waiting behind another reader ends in time`() = test {
        val client = connect()
        client.await<Event.Connected>()
        val waiting = launch(start = CoroutineStart.UNDISPATCHED) { client.events.collect {} }
        assertEquals(emptyList<Event>(), client.nextEvents(timeout = 20.milliseconds))
        assertEquals(emptyList<Event>(), client.nextEvents(timeout = Duration.ZERO))
        waiting.cancelAndJoin()
        client.shutdown()
        assertNull(client.nextEvents())
    }
}
