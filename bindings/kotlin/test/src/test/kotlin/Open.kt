// Ends with a client open.

import com.gossiperl.kotlin.Client
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.GlobalScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking

@OptIn(DelicateCoroutinesApi::class)
fun main(arguments: Array<String>): Unit = runBlocking {
    val (port, name, key) = arguments
    val client = Client.connect(port.toInt(), name, key)
    client.subscribe("a")
    GlobalScope.launch { client.events.collect {} }
    println("ended")
}
