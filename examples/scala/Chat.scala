import com.gossiperl.client.{Client, Delivery, Digest, Event, Listener, MemberChange, Options}

import scala.concurrent.Await
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.duration.DurationInt
import scala.io.{Codec, Source}
import scala.jdk.FutureConverters.CompletionStageOps
import scala.util.Using

/** A chat: each line of the standard input goes to all others; theirs are printed, and who comes and goes.
  *
  * `GOSSIPERL_KEY=… scala chat PORT NAME`
  */
@main def chat(port: Int, name: String): Unit =
  val options = Options.of(port, name, sys.env("GOSSIPERL_KEY"))
  val others = new Listener:
    override def onDelivery(client: Client, delivery: Delivery): Unit =
      val line = delivery.digest
      println(s"<${line.getString(1)}> ${line.getString(2)}")

    override def onMember(client: Client, event: Event.MemberChanged): Unit =
      val what = event.change match
        case MemberChange.IN     => "is here"
        case MemberChange.REJOIN => "is back"
        case MemberChange.OUT    => "has left"
        case _                   => "is silent"
      println(s"* ${event.member.name} $what")

    override def onConnected(client: Client, event: Event.Connected): Unit = println(s"* connected to ${event.daemon}")

    override def onDisconnected(client: Client, event: Event.Disconnected): Unit = println(s"* disconnected: ${event.reason}")

  val ready =
    for
      client <- Client.connect(options, others).asScala
      _ <- client.subscribe("chat").asScala
      members <- client.watchMembers.asScala
    yield
      members.forEach(member => println(s"* ${member.name} is here"))
      client
  Using.resource(Await.result(ready, 30.seconds)): client =>
    for line <- Source.fromInputStream(System.in)(using Codec.UTF8).getLines do
      Await.result(client.publish("chat", Digest().putString(1, name).putString(2, line)).asScala, 30.seconds)
