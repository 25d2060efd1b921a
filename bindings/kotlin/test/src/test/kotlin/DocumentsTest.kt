import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

/** What users read, run as they would. */
class DocumentsTest : DaemonTest() {
    @Test
    fun `the README's quick start`() {
        val process = start("QuickStartKt")
        val said = process.inputStream.bufferedReader().readText()
        assertEquals("ordered: three apples\ndoor 7 at 21.5 degrees\n" to 0, said to process.waitFor())
    }

    @Test
    fun `the chat`() {
        val (anna, bert) = listOf("anna", "bert").map { name ->
            val process = start("ChatKt", "${daemon.port}", name)
            val lines = process.inputStream.bufferedReader().lineSequence().iterator()
            hear(lines, "* $name is here")
            process to lines
        }
        fun say(who: Process, line: String) = who.outputStream.run { write("$line\n".toByteArray()); flush() }
        hear(anna.second, "* bert is here")
        say(bert.first, "hello")
        hear(anna.second, "<bert> hello")
        say(anna.first, "hi")
        hear(bert.second, "<anna> hi")
        bert.first.outputStream.close()
        assertEquals(0, bert.first.waitFor())
        hear(anna.second, "* bert has left")
        anna.first.outputStream.close()
        assertEquals(0, anna.first.waitFor())
    }

    private fun hear(lines: Iterator<String>, line: String) = assertTrue(lines.asSequence().any { it == line }, line)

    private fun start(main: String, vararg arguments: String): Process {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val command = listOf(java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), main) + arguments
        val builder = ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT)
        builder.environment() += mapOf("PORT" to "${daemon.port}", "GOSSIPERL_KEY" to KEY)
        return builder.start()
    }
}
