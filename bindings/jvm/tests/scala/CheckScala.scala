import check.{Daemon, Programs}
import com.gossiperl.client.{ArgumentException, Client, Delivery, Digest, Event, Listener, Options, State}

import java.util.concurrent.LinkedBlockingQueue
import scala.concurrent.{Await, Future, Promise}
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.duration.DurationInt
import scala.jdk.CollectionConverters.*
import scala.jdk.FutureConverters.CompletionStageOps
import scala.util.{Failure, Try}

/** What somebody who writes Scala relies on; says `ok` and a name for each that holds, and fails at the first that does not. */
@main def checkScala(): Unit =
  val daemon = Daemon()
  try
    def options(name: String): Options = Options.of(daemon.port, name, Daemon.KEY)
    def soon[T](future: Future[T]): T = Await.result(future, 180.seconds)

    verify("operations are futures that combine"):
      val received =
        for
          client <- Client.connect(options("futures")).asScala
          _ <- client.subscribe("greetings", "doors").asScala
          publisher <- Client.connect(options("publisher")).asScala
          _ <- publisher.publish("greetings", "hello".getBytes).asScala
          _ <- publisher.publish("doors", Digest().putString(1, "door 7").putLong(2, Long.MinValue)).asScala
          deliveries <- Future(client.deliveries.asScala.take(2).toList)
          members <- client.members.asScala
          _ <- publisher.closeAsync.asScala
          _ <- client.closeAsync.asScala
        yield (deliveries, members.asScala.map(_.name).toSet, client.state)
      val (deliveries, members, state) = soon(received)
      String(deliveries.head.payload) == "hello" && deliveries(1).digest.getLong(2) == Long.MinValue
        && members.contains("futures") && state == State.CLOSED

    verify("what goes wrong is a failed future of its own class"):
      val client = soon(Client.connect(options("fails")).asScala)
      val failed = Try(soon(client.publish("", Array.empty[Byte]).asScala))
      client.close()
      failed match
        case Failure(_: ArgumentException) => true
        case _                             => false

    verify("a listener is told, and its events match as patterns"):
      val told = LinkedBlockingQueue[String]()
      val closed = Promise[Unit]()
      val listener = new Listener:
        override def onConnected(client: Client, event: Event.Connected): Unit = told.add(event.daemon)
        override def onDelivery(client: Client, delivery: Delivery): Unit = told.add(delivery.`type`)
        override def onClosed(client: Client): Unit = closed.success(())
      val client = soon(Client.connect(options("told"), listener).asScala)
      val publisher = soon(Client.connect(options("publisher")).asScala)
      soon(client.subscribe("news").asScala.flatMap(_ => publisher.publish("news", Array.empty[Byte]).asScala))
      val heard = List(told.take(), told.take())
      publisher.close()
      client.close()
      soon(closed.future)
      heard == List("daemon", "news")

    verify("two of a chat hear each other"):
      Programs.chat(daemon, "chat")
      true

    for (publishing, receiving) <- List("PeerScala" -> "PeerScala", "PeerScala" -> "Peer", "Peer" -> "PeerScala") do
      verify(s"$receiving receives what $publishing publishes"):
        Programs.peers(daemon, publishing, receiving)
        true
  finally daemon.close()

private def verify(what: String)(holds: => Boolean): Unit =
  if !holds then sys.error(s"not so: $what")
  println(s"ok $what")
