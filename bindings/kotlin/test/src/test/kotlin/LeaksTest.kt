import com.gossiperl.kotlin.Client
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

class LeaksTest : DaemonTest() {
    @Test
    fun `thousands of clients leave nothing`() = runBlocking {
        repeat(300) { round(it) }
        val before = held()
        repeat(ROUNDS) { round(it) }
        withTimeout(LONG) {
            // The collector's threads, and the system's, come and go.
            while (held().let { it.threads > before.threads + 10 || it.descriptors > before.descriptors + 10 }) delay(50)
        }
        // A client that stayed would be 20 kB at least: 40 MB. The heap is touched from the start, so what the process grows by is not Java's.
        val after = held()
        assertTrue(after.resident - before.resident < 20_000 && after.heap - before.heap < 10_000, "kB: $before before, $after after")
    }

    private suspend fun round(number: Int) {
        val client = Client.connect(daemon.port, "leak-${number % 50}", KEY) { connectTimeout = LONG }
        client.subscribe("leak")
        client.publish("leak", "x")
        client.nextEvents()
        client.shutdown()
    }

    private data class Held(val threads: Int, val descriptors: Int, val resident: Long, val heap: Long)

    private fun held(): Held {
        System.gc()
        val resident = File("/proc/self/status").readLines().first { it.startsWith("VmRSS:") }
        return Held(
            File("/proc/self/task").list()!!.size,
            File("/proc/self/fd").list()!!.size,
            resident.filter(Char::isDigit).toLong(),
            Runtime.getRuntime().run { totalMemory() - freeMemory() } / 1024,
        )
    }

    private companion object {
        const val ROUNDS = 2_000
    }
}
