import com.gossiperl.client.{Client, Delivery, Digest, Options}

import java.util.{HexFormat, Locale}
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.{Await, Future}
import scala.concurrent.duration.Duration
import scala.io.StdIn
import scala.jdk.CollectionConverters.*
import scala.jdk.FutureConverters.CompletionStageOps
import scala.util.Using
import scala.util.control.NonFatal

/** The program of bindings/interop/README.md. */
object PeerScala:
  def main(arguments: Array[String]): Unit =
    try
      val options = Options.of(arguments(1).toInt, arguments(2), sys.env("GOSSIPERL_KEY"))
      Using.resource(wait(Client.connect(options).asScala)): client =>
        arguments.toList match
          case "publish" :: _                         => publish(client)
          case "receive" :: _                         => receive(client)
          case "bench-publish" :: _ :: _ :: rest      => benchPublish(client, rest.head.toInt, rest(1).toInt)
          case "bench-receive" :: _ :: _ :: count :: _ => benchReceive(client, count.toInt)
          case _                                      => sys.error("see bindings/interop/README.md")
    catch
      case NonFatal(failed) =>
        Console.err.println(s"peer: $failed")
        sys.exit(1)

  private def publish(client: Client): Unit =
    val published = lines.map(_.split(' ')).map:
      case Array("digest", kind, fields) => client.publish(name(kind), digest(fields))
      case Array(_, kind, payload)       => client.publish(name(kind), bytes(payload))
      case words                         => sys.error(s"no message: ${words.mkString(" ")}")
    println(s"done ${published.map(future => wait(future.asScala)).size}")

  private def receive(client: Client): Unit =
    wait(client.subscribe(StdIn.readLine().split(',').map(name)*).asScala)
    println("ready")
    Future:
      lines.foreach(_ => ())
      client.close()
    for delivery <- client.deliveries.asScala do
      val kind = hex(Digest().putString(0, delivery.`type`).getBytes(0))
      if delivery.`type`.startsWith("digest.") then println(s"digest $kind ${fields(delivery.digest)}")
      else println(s"bytes $kind ${hex(delivery.payload)}")

  private def benchPublish(client: Client, count: Int, size: Int): Unit =
    val payload = new Array[Byte](size)
    val start = System.nanoTime
    var sent = 0
    while sent < count do
      val handed = client.send("bench", payload)
      if !handed.isDone || handed.isCompletedExceptionally then handed.join()
      sent += 1
    wait(client.flush.asScala)
    say(count, System.nanoTime - start)

  private def benchReceive(client: Client, count: Int): Unit =
    wait(client.subscribe("bench").asScala)
    println("ready")
    var (received, first) = (0, 0L)
    while received < count do
      client.nextEvents(1024, null).forEach:
        case _: Delivery =>
          if received == 0 then first = System.nanoTime
          received += 1
        case _ =>
    say(count, System.nanoTime - first)

  private def say(count: Int, nanoseconds: Long): Unit =
    println(String.format(Locale.ROOT, "{\"messages\": %d, \"seconds\": %.6f}", count, nanoseconds / 1e9))

  private def digest(fields: String): Digest =
    val digest = Digest()
    if fields != "-" then
      for Array(id, kind, value) <- fields.split(',').map(_.split(':')) do
        kind match
          case "bool"   => digest.putBoolean(id.toInt, value.toBoolean)
          case "byte"   => digest.putByte(id.toInt, value.toByte)
          case "i16"    => digest.putShort(id.toInt, value.toShort)
          case "i32"    => digest.putInt(id.toInt, value.toInt)
          case "i64"    => digest.putLong(id.toInt, value.toLong)
          case "double" => digest.putDouble(id.toInt, java.lang.Double.longBitsToDouble(HexFormat.fromHexDigitsToLong(value)))
          case "string" => digest.putBytes(id.toInt, bytes(value))
          case _        => sys.error(s"there is no kind $kind")
    digest

  private def fields(digest: Digest): String =
    val fields = digest.fields.asScala.map: (id, value) =>
      val written = value match
        case value: java.lang.Boolean => s"bool:$value"
        case value: java.lang.Byte    => s"byte:$value"
        case value: java.lang.Short   => s"i16:$value"
        case value: java.lang.Integer => s"i32:$value"
        case value: java.lang.Long    => s"i64:$value"
        case value: java.lang.Double  => f"double:${java.lang.Double.doubleToRawLongBits(value)}%016x"
        case value: Array[Byte]       => s"string:${hex(value)}"
        case value                    => sys.error(s"a field that is $value")
      s"$id:$written"
    if fields.isEmpty then "-" else fields.mkString(",")

  /** The name of these bytes: a digest's strings know the rule. */
  private def name(hex: String): String = Digest().putBytes(0, bytes(hex)).getString(0)

  private def bytes(hex: String): Array[Byte] = if hex == "-" then Array.empty else HexFormat.of.parseHex(hex)

  private def hex(bytes: Array[Byte]): String = if bytes.isEmpty then "-" else HexFormat.of.formatHex(bytes)

  private def lines: Iterator[String] = Iterator.continually(StdIn.readLine()).takeWhile(_ != null)

  private def wait[T](future: Future[T]): T = Await.result(future, Duration.Inf)
