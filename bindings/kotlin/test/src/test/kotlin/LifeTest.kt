import com.gossiperl.kotlin.Client
import com.gossiperl.kotlin.ClosedException
import com.gossiperl.kotlin.Event
import com.gossiperl.kotlin.OptionException
import com.gossiperl.kotlin.Options
import com.gossiperl.kotlin.RefusedException
import com.gossiperl.kotlin.SlowPolicy
import com.gossiperl.kotlin.State
import com.gossiperl.kotlin.TimeoutException
import com.gossiperl.kotlin.UnreachableException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.coroutines.yield
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.net.DatagramSocket
import java.net.InetAddress
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

class LifeTest : DaemonTest() {
    @Test
    fun `what a client says of itself`() = test {
        val name = unique("själv")
        val client = connect(name) { overlay = "main" }
        assertEquals(listOf(name, "main", State.CONNECTED, "daemon"), listOf(client.name, client.overlay, client.state, client.daemon))
        client.shutdown()
        assertEquals(State.CLOSED, client.state)
    }

    @Test
    fun `a wrong option is named`() {
        val wrong = listOf<Pair<String, () -> Client>>(
            "port" to { Client.start(0, "name", "key") },
            "port" to { Client.start(65_536, "name", "key") },
            "name" to { Client.start(6666, "", "key") },
            "key" to { Client.start(6666, "name", "") },
        ) + listOf<Pair<String, Options.() -> Unit>>(
            "secret" to { secret = ByteArray(256) },
            "additionalKeys" to { additionalKeys = listOf(ByteArray(0)) },
            "additionalKeys" to { additionalKeys = List(8) { "more".toByteArray() } },
            "protocol" to { protocol = 3 },
            "address" to { address = "localhost" },
            "connectTimeout" to { connectTimeout = Duration.ZERO },
            "closeTimeout" to { closeTimeout = (-1).seconds },
            "publishWindow" to { publishWindow = 0 },
            "publishWindowBytes" to { publishWindowBytes = Long.MAX_VALUE },
            "deliveryBuffer" to { deliveryBuffer = -1 },
            "deliveryBufferBytes" to { deliveryBufferBytes = 0 },
        ).map { (option, set) -> option to { Client.start(6666, "name", "key", set) } }
        for ((option, start) in wrong) {
            val error = assertThrows(OptionException::class.java, { start() }, option)
            assertEquals(option to "option", error.option to error.kind)
            assertTrue(option in error.message!!, error.message)
        }
    }

    @Test
    fun `every option is taken`() = test {
        val client = connect {
            overlay = "all"
            additionalKeys = listOf("old".toByteArray())
            protocol = 2
            address = "127.0.0.1"
            closeTimeout = 1.seconds
            publishWindow = 10
            publishWindowBytes = 100_000
            deliveryBuffer = 10
            deliveryBufferBytes = 100_000
            slowPolicy = SlowPolicy.WAIT
        }
        client.addKey("new".toByteArray())
        assertEquals("key", assertThrows(OptionException::class.java) { client.addKey(ByteArray(0)) }.option)
    }

    @Test
    fun `protocol 1`() = test {
        val type = unique("legacy")
        val reader = connect().apply { subscribe(type) }
        connect { protocol = 1 }.publish(type, byteArrayOf(-1, 0))
        assertArrayEquals(byteArrayOf(-1, 0), reader.delivery().payload)
    }

    @Test
    fun `slow readers are told what was dropped`() = test {
        val type = unique("dropped")
        val slow = connect {
            deliveryBuffer = 10
            slowPolicy = SlowPolicy.DROP_OLDEST
        }
        slow.subscribe(type)
        val writer = connect()
        writer.sendAll(type, List(1_000) { ByteArray(1) })
        writer.flush()
        val dropped = slow.await<Event.Dropped>()
        assertEquals(type, dropped.type)
        assertTrue(dropped.count > 0)
    }

    @Test
    fun `nobody there, no answer and a refusal are told apart`() = test {
        val silent = DatagramSocket(0, InetAddress.getLoopbackAddress())
        val connecting: suspend () -> Client = { Client.connect(silent.localPort, "name", "key") { connectTimeout = 200.milliseconds } }
        val port = silent.localPort
        assertThrows(TimeoutException::class.java) { runBlocking { connecting() } }
        silent.close()
        assertThrows(UnreachableException::class.java) { runBlocking { Client.connect(port, "name", "key") { connectTimeout = 200.milliseconds } } }
        val taken = connect()
        val refused = assertThrows(RefusedException::class.java) { runBlocking { connect(taken.name) { secret("another") } } }
        assertNotNull(refused.code)
        Client.start(port, "name", "key") { closeTimeout = Duration.ZERO }.use { assertEquals(State.CONNECTING, it.state) }
    }

    @Test
    fun `using a closed client is an error`() = test {
        val client = connect()
        client.close()
        client.close()
        val calls = listOf<suspend () -> Any?>(
            { client.publish("a", "") }, { client.send("a", ByteArray(0)) }, { client.sendAll("a", listOf(ByteArray(0))) },
            { client.trySend("a", ByteArray(0)) }, { client.subscribe("a") }, { client.unsubscribe("a") }, { client.members() },
            { client.watchMembers() },
        )
        for (call in calls) assertThrows(ClosedException::class.java) { runBlocking { call() } }
    }

    @Test
    fun `use closes`() = test {
        val client = connect()
        assertThrows(IllegalStateException::class.java) { client.use { error("mine") } }
        assertEquals(State.CLOSED, client.state)
    }

    @Test
    fun `draining ends subscriptions and waits`() = test {
        val type = unique("drained")
        val reader = connect().apply { subscribe(type) }
        val writer = connect()
        writer.sendAll(type, List(1_000) { ByteArray(1) })
        writer.drain()
        writer.shutdown()
        assertEquals(1_000, reader.deliveries.take(1_000).toList().size)
        reader.drain()
        assertEquals(emptyList<String>(), reader.subscriptions())
    }

    @Test
    fun `waiting holds no thread`() = runBlocking {
        // All on this one thread.
        val client = connect()
        client.await<Event.Connected>()
        var turns = 0
        val waiting = launch { client.events.collect {} }
        repeat(1_000) {
            yield()
            turns++
        }
        assertTrue(waiting.isActive)
        val silent = DatagramSocket(0, InetAddress.getLoopbackAddress())
        // A cancelled connect ends at once, and leaves nothing.
        assertEquals(null, withTimeoutOrNull(50) { Client.connect(silent.localPort, "name", "key") { connectTimeout = LONG } })
        silent.close()
        client.close()
        waiting.join()
        assertEquals(1_000, turns)
    }

    @Test
    fun `a caller without threads of its own may block`() = runBlocking(Dispatchers.Unconfined) {
        val type = unique("unconfined")
        val client = connect().apply { subscribe(type) }
        val thread = Thread.currentThread().name
        assertTrue("gossiperl" !in thread, thread)
        // Blocks until the native library's thread has done its work.
        connect().use { other -> runBlocking { other.publish(type, "x") } }
        assertEquals("x", client.delivery().text)
        client.close()
    }

    @Test
    fun `a process ends with a client open`() {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val arguments = listOf(java, "-cp", System.getProperty("java.class.path"), "OpenKt", "${daemon.port}", unique("open"), KEY)
        val process = ProcessBuilder(arguments).redirectErrorStream(true).start()
        val said = process.inputStream.bufferedReader().readText()
        assertEquals("ended\n" to 0, said to process.waitFor())
    }
}
