import com.gossiperl.kotlin.Client
import com.gossiperl.kotlin.Delivery
import com.gossiperl.kotlin.Event
import com.gossiperl.kotlin.Options
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import java.io.IOException
import java.net.DatagramSocket
import java.net.InetAddress
import java.nio.file.Files
import java.nio.file.attribute.PosixFilePermissions
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.time.Duration.Companion.seconds

const val KEY = "the key of the overlay"

/** Longer than anything takes on a machine that is up. */
val LONG = 60.seconds

/** A gossiperld of its own folder, on a free port. */
class Daemon {
    private val folder = Files.createTempDirectory("gossiperl")
    private val config = folder.resolve("gossiperl.toml")
    private lateinit var process: Process
    val port: Int = DatagramSocket(0, InetAddress.getLoopbackAddress()).use { it.localPort }

    init {
        Files.createFile(config, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))
        Files.writeString(
            config,
            """
            data_dir = "$folder/data"
            rest = false
            [overlays.kotlin]
            ip = "127.0.0.1"
            port = $port
            member_name = "daemon"
            symmetric_key = "$KEY"
            racks = { default = [] }
            """.trimIndent(),
        )
        start()
    }

    fun start() {
        process = ProcessBuilder(System.getenv("GOSSIPERLD"), "--config", "$config").start()
        val log = process.errorReader()
        check(log.lineSequence().any { "started" in it }) { "gossiperld did not start" }
        thread(isDaemon = true) {
            try {
                log.forEachLine {}
            } catch (_: IOException) {
                // It was killed.
            }
        }
    }

    /** As kill -9 does. */
    fun crash() {
        process.destroyForcibly().waitFor()
    }

    fun stop() {
        process.destroy()
        process.waitFor()
        folder.toFile().deleteRecursively()
    }
}

/** Tests with a daemon, which all tests of a run share unless they stop it. */
abstract class DaemonTest {
    private val clients = mutableListOf<Client>()

    @AfterEach
    fun closeAll() = clients.forEach(Client::close)

    fun held(client: Client): Client = client.also(clients::add)

    suspend fun connect(name: String = unique("client"), on: Daemon = daemon, configure: Options.() -> Unit = {}): Client =
        held(
            Client.connect(on.port, name, KEY) {
                secret("the secret of $name")
                connectTimeout = LONG
                configure()
            },
        )

    companion object {
        val daemon: Daemon by lazy { Daemon().also { Runtime.getRuntime().addShutdownHook(Thread(it::stop)) } }
        private val names = AtomicInteger()

        /** A name that no other test uses. */
        fun unique(what: String): String = "$what-${names.incrementAndGet()}"
    }
}

fun test(block: suspend CoroutineScope.() -> Unit) = runBlocking(Dispatchers.Default) { withTimeout(LONG) { block() } }

suspend fun Client.delivery(): Delivery = deliveries.first()

suspend inline fun <reified T : Event> Client.await(crossinline wanted: (T) -> Boolean = { true }): T =
    events.first { it is T && wanted(it) } as T
