package com.gossiperl.kotlin

import com.gossiperl.kotlin.generated.Connection
import com.gossiperl.kotlin.generated.Waited
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.withTimeoutOrNull
import kotlin.time.Duration
import kotlin.time.TimeSource

/**
 * A client of one overlay, made by [connect] or [start].
 *
 * Everything may be called from any thread and any coroutine, and cancelled at any time: a reader that is cancelled loses no event. Names are any bytes; where they are no UTF-8, a byte is the lone
 * surrogate U+DC80 to U+DCFF.
 *
 * All failures are [GossiperlException]s, with a class for each kind.
 */
public class Client private constructor(
    private val native: Connection,
    /** The client's name. */
    public val name: String,
    /** What the application calls the overlay; `null` where it did not say. */
    public val overlay: String?,
) : AutoCloseable {
    /** Events that are here and not yet read: a batch at most. */
    private val ready = ArrayDeque<Event>()
    private val filling = Mutex()

    /** Where it stands. */
    public val state: State get() = State.valueOf(native.standing().state.uppercase())

    /** The name of the daemon that there is a session with; `null` where there is none. */
    public val daemon: String? get() = native.standing().daemon?.let(Names::text)

    /**
     * All events, until the client is closed and everything has been read. There is one stream: what one collector takes no other sees, and what a collector that leaves has not seen waits for the next.
     */
    public val events: Flow<Event> = object : Flow<Event> {
        // No builder: its collector looks for a cancellation after the event has left the queue, and would lose it.
        override suspend fun collect(collector: FlowCollector<Event>) {
            while (true) {
                currentCoroutineContext().ensureActive()
                val event = next()
                if (event != null) collector.emit(event) else if (fill(Duration.INFINITE) == Waited.ENDED) return
            }
        }
    }

    /** The deliveries of [events]; other events are passed over. */
    public val deliveries: Flow<Delivery> = events.filterIsInstance<Delivery>()

    /** Subscribes to event types, and waits until the daemon serves them; while there is no session, until there is one. On failure none of them is subscribed to. */
    public suspend fun subscribe(vararg types: String): Unit = call { native.subscribe(types.map(Names::bytes)) }

    /** Ends subscriptions, and waits until the daemon knows. What was delivered before is still read. */
    public suspend fun unsubscribe(vararg types: String): Unit = call { native.unsubscribe(types.map(Names::bytes)) }

    /** The event types subscribed to, by name. */
    public suspend fun subscriptions(): List<String> = call { native.subscriptions() }.map(Names::text)

    /** Publishes one message of 0 to 60,000 bytes, and waits until the daemon has taken responsibility for it. One that is cancelled may still be published. */
    public suspend fun publish(type: String, payload: ByteArray): Unit =
        call { native.publish(Names.bytes(type), payload) }

    /** Publishes text as UTF-8. */
    public suspend fun publish(type: String, text: String): Unit = publish(type, text.encodeToByteArray())

    /** Publishes typed fields. */
    public suspend fun publish(type: String, digest: Digest): Unit = publish(type, digest.toPayload())

    /** Hands over one message as soon as there is room, and does not wait for the acknowledgement: [flush] does, and tells what failed. */
    public suspend fun send(type: String, payload: ByteArray) {
        val name = Names.bytes(type)
        if (!guard { native.handOver(name, payload) }) call { native.handOverAll(Rows.messages(name, listOf(payload))) }
    }

    /** As [send], now or not at all: `false` where there is no room. */
    public fun trySend(type: String, payload: ByteArray): Boolean = guard { native.handOver(Names.bytes(type), payload) }

    /** As [send] for many at a time, in order: it costs much less a message. Up to the first that fails. */
    public suspend fun sendAll(type: String, payloads: Iterable<ByteArray>) {
        val name = Names.bytes(type)
        for (some in payloads.asSequence().chunked(BATCH)) call { native.handOverAll(Rows.messages(name, some)) }
    }

    /** Waits until the daemon has taken responsibility for everything published so far; throws the first failure since the last flush. */
    public suspend fun flush(): Unit = call { native.flush() }

    /** The members as the daemon knows them now. */
    public suspend fun members(): List<Member> = Rows.members(call { native.members() })

    /** The members as they are now; every change from now on is an [Event.MemberChanged]. */
    public suspend fun watchMembers(): List<Member> = Rows.members(call { native.watchMembers() })

    /** Adds a key of the overlay's ring to those the client opens with. */
    public fun addKey(key: ByteArray): Unit = guard { native.addKey(key) }

    /** Waits for events, and takes at most [max] of them. Empty when [timeout] is over; `null` when the client is closed and everything has been read. */
    public suspend fun nextEvents(max: Int = BATCH, timeout: Duration = Duration.INFINITE): List<Event>? {
        if (max < 1) throw InvalidArgumentException("max is $max: give 1 or more")
        while (true) {
            val taken = takeReady(max)
            if (taken.isNotEmpty()) return taken
            when (fill(timeout)) {
                Waited.EVENTS -> continue
                Waited.NOTHING -> return emptyList()
                Waited.ENDED -> return null
            }
        }
    }

    /** Ends all subscriptions, and waits until everything published is acknowledged, so that closing loses nothing. What was delivered is still read. */
    public suspend fun drain(): Unit = call { native.drain() }

    /** Closes: waits until what was published is acknowledged, but no longer than [Options.closeTimeout], and says goodbye to the daemon. What was delivered can still be read. Closing again does nothing. */
    public suspend fun shutdown(): Unit = call { native.shut() }

    /** As [shutdown], and blocks the thread. */
    override fun close(): Unit = runBlocking { shutdown() }

    override fun toString(): String = "Client($name)"

    private fun next(): Event? = synchronized(ready) { ready.removeFirstOrNull() }

    private fun takeReady(max: Int): List<Event> = synchronized(ready) { List(minOf(max, ready.size)) { ready.removeFirst() } }

    /**
     * Waits, and puts what there is into [ready]. One reader does at a time; the others wait for it, and look into [ready] in their turn, so that none waits for more while there is something.
     *
     * Only waiting can be cancelled: a batch stays with the native library until it is here, in one step.
     */
    private suspend fun fill(timeout: Duration): Waited {
        val start = TimeSource.Monotonic.markNow()
        var filler = filling.tryLock()
        try {
            if (!filler) {
                withTimeoutOrNull(timeout) {
                    filling.lock()
                    filler = true
                }
            }
            if (!filler) return Waited.NOTHING
            if (synchronized(ready) { ready.isNotEmpty() } || take()) return Waited.EVENTS
            val left = if (timeout.isInfinite()) null else (timeout - start.elapsedNow()).inWholeMilliseconds
            val waited = call { native.wait(BATCH, left) }
            if (waited == Waited.EVENTS) take()
            return waited
        } finally {
            if (filler) filling.unlock()
        }
    }

    /** Puts what there is now into [ready]; whether there was something. */
    private fun take(): Boolean = synchronized(ready) {
        val batch = guard { native.take(BATCH) }
        batch.isNotEmpty() && ready.addAll(Rows.events(batch))
    }

    public companion object {
        /** How many events are taken at a time at most. */
        private const val BATCH = 1024

        /**
         * Connects, and waits for the first session.
         *
         * @param port the port that the daemon's overlay is bound to, 1 to 65535
         * @param name the client's name, 1 to 255 bytes, unique in the overlay
         * @param key the overlay's symmetric key
         */
        public suspend fun connect(port: Int, name: String, key: ByteArray, configure: Options.() -> Unit = {}): Client {
            val options = Options().apply(configure)
            var native: Connection? = null
            try {
                call { native = Connection.connect(options.lowered(port, name, key)) }
            } catch (cancelled: CancellationException) {
                // It may have come all the same.
                native?.destroy()
                throw cancelled
            }
            return Client(checkNotNull(native), name, options.overlay)
        }

        /** [connect] with a key that is text. */
        public suspend fun connect(port: Int, name: String, key: String, configure: Options.() -> Unit = {}): Client =
            connect(port, name, key.encodeToByteArray(), configure)

        /** As [connect] without waiting: the daemon may come later. What is published waits until then. */
        public fun start(port: Int, name: String, key: ByteArray, configure: Options.() -> Unit = {}): Client {
            val options = Options().apply(configure)
            return Client(guard { Connection.start(options.lowered(port, name, key)) }, name, options.overlay)
        }

        /** [start] with a key that is text. */
        public fun start(port: Int, name: String, key: String, configure: Options.() -> Unit = {}): Client =
            start(port, name, key.encodeToByteArray(), configure)
    }
}
