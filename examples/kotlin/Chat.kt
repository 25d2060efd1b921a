// A chat: publishes each line of standard input, and prints the others' lines and who comes and goes.
//
//   GOSSIPERL_KEY=… java -cp … ChatKt PORT NAME

import com.gossiperl.kotlin.Client
import com.gossiperl.kotlin.Delivery
import com.gossiperl.kotlin.Digest
import com.gossiperl.kotlin.Event
import com.gossiperl.kotlin.MemberChange
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking

private const val TYPE = "chat"

fun main(arguments: Array<String>): Unit = runBlocking {
    val (port, name) = arguments
    val client = Client.connect(port.toInt(), name, System.getenv("GOSSIPERL_KEY"))
    client.subscribe(TYPE)
    for (member in client.watchMembers()) println("* ${member.name} is here")

    val showing = launch(Dispatchers.Default) { client.events.collect(::show) }
    for (line in generateSequence(::readlnOrNull)) {
        client.publish(TYPE, Digest { this[1] = name; this[2] = line })
    }
    client.shutdown()
    showing.join()
}

private fun show(event: Event) {
    when (event) {
        is Delivery -> event.digest().let { println("<${it.string(1)}> ${it.string(2)}") }
        is Event.MemberChanged -> println("* ${event.member.name} ${what(event.change)}")
        is Event.Connected -> println("* connected to ${event.daemon}")
        is Event.Disconnected -> println("* disconnected: ${event.reason}")
        else -> {}
    }
}

private fun what(change: MemberChange) = when (change) {
    MemberChange.IN -> "is here"
    MemberChange.REJOIN -> "is back"
    MemberChange.OUT -> "has left"
    else -> "is silent"
}
