// The program that every language has, in Kotlin: bindings/interop/README.md says what it does.

import com.gossiperl.kotlin.Client
import com.gossiperl.kotlin.Delivery
import com.gossiperl.kotlin.Digest
import com.gossiperl.kotlin.Names
import com.gossiperl.kotlin.Value
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlin.system.exitProcess

private const val USAGE = "usage: peer publish|receive|bench-publish|bench-receive PORT NAME [COUNT [SIZE]]"

fun main(arguments: Array<String>) {
    try {
        val (command, port, name) = arguments.takeIf { it.size >= 3 } ?: throw IllegalArgumentException(USAGE)
        val numbers = arguments.drop(3).map(String::toInt)
        val key = requireNotNull(System.getenv("GOSSIPERL_KEY")) { "GOSSIPERL_KEY is not set: give the overlay's key" }
        runBlocking {
            val client = Client.connect(port.toInt(), name, key)
            when (command to numbers.size) {
                "publish" to 0 -> publish(client)
                "receive" to 0 -> receive(client)
                "bench-publish" to 2 -> benchPublish(client, numbers[0], numbers[1])
                "bench-receive" to 1 -> benchReceive(client, numbers[0])
                else -> throw IllegalArgumentException(USAGE)
            }
            client.shutdown()
        }
    } catch (error: Exception) {
        System.err.println("$error".lineSequence().first())
        exitProcess(1)
    }
}

private suspend fun publish(client: Client) {
    var count = 0
    for (line in generateSequence(::readlnOrNull)) {
        val (what, type, content) = line.split(' ')
        if (what == "bytes") client.publish(name(type), bytes(content)) else client.publish(name(type), digest(content))
        count++
    }
    say("done $count")
}

private suspend fun receive(client: Client) = runBlocking {
    client.subscribe(*readln().split(',').map(::name).toTypedArray())
    say("ready")
    val writing = launch(Dispatchers.Default) { client.deliveries.collect { say(line(it)) } }
    launch(Dispatchers.IO) {
        while (readlnOrNull() != null) continue
        client.shutdown()
    }
    writing.join()
}

private suspend fun benchPublish(client: Client, count: Int, size: Int) {
    val payload = ByteArray(size) { 'x'.code.toByte() }
    val start = System.nanoTime()
    client.sendAll("bench", generateSequence { payload }.take(count).asIterable())
    client.flush()
    report(count, start)
}

private suspend fun benchReceive(client: Client, count: Int) {
    client.subscribe("bench")
    say("ready")
    var seen = 0
    var start = 0L
    while (seen < count) {
        val events = client.nextEvents() ?: error("the client has ended")
        if (seen == 0) start = System.nanoTime()
        seen += events.count { it is Delivery }
    }
    report(count, start)
}

private fun line(delivery: Delivery): String {
    val type = hexadecimal(Names.bytes(delivery.type))
    if (!delivery.type.startsWith("digest.")) return "bytes $type ${hexadecimal(delivery.payload)}"
    val fields = delivery.digest().fields.map { (id, value) ->
        val (kind, text) = when (value) {
            is Value.Bool -> "bool" to "${value.value}"
            is Value.I8 -> "byte" to "${value.value}"
            is Value.I16 -> "i16" to "${value.value}"
            is Value.I32 -> "i32" to "${value.value}"
            is Value.I64 -> "i64" to "${value.value}"
            is Value.F64 -> "double" to value.value.toRawBits().toULong().toString(16).padStart(16, '0')
            is Value.Text -> "string" to hexadecimal(value.bytes)
        }
        "$id:$kind:$text"
    }
    return "digest $type ${fields.joinToString(",").ifEmpty { "-" }}"
}

private fun digest(fields: String) = Digest {
    for (field in fields.split(',').filter { it != "-" }) {
        val (id, kind, value) = field.split(':')
        this[id.toInt()] = when (kind) {
            "bool" -> Value.Bool(value.toBooleanStrict())
            "byte" -> Value.I8(value.toByte())
            "i16" -> Value.I16(value.toShort())
            "i32" -> Value.I32(value.toInt())
            "i64" -> Value.I64(value.toLong())
            "double" -> Value.F64(Double.fromBits(value.toULong(16).toLong()))
            "string" -> Value.Text(bytes(value))
            else -> throw IllegalArgumentException("no kind of field: $kind")
        }
    }
}

private fun bytes(text: String): ByteArray =
    if (text == "-") ByteArray(0) else text.chunked(2) { it.toString().toInt(16).toByte() }.toByteArray()

private fun hexadecimal(bytes: ByteArray): String =
    if (bytes.isEmpty()) "-" else bytes.joinToString("") { "%02x".format(it) }

private fun name(text: String): String = Names.text(bytes(text))

private fun report(count: Int, start: Long) = say("""{"messages": $count, "seconds": ${(System.nanoTime() - start) / 1e9}}""")

private fun say(line: String) {
    println(line)
    System.out.flush()
}
