package check;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Programs that run beside the tests, of Java and of Scala. */
public final class Programs {
    private static final Duration LONG = Duration.ofSeconds(180);

    private Programs() {}

    /** A running program and the lines it writes. */
    static final class Program implements AutoCloseable {
        private final Process process;
        private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
        private final List<String> seen = new ArrayList<>();

        Program(ProcessBuilder builder) throws IOException {
            process = builder.start();
            BufferedReader output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
            Thread reader = new Thread(() -> output.lines().forEach(lines::add));
            reader.setDaemon(true);
            reader.start();
        }

        void write(String line) throws IOException {
            process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
            process.getOutputStream().flush();
        }

        /** Waits for this line; others may come before it. */
        void says(String wanted) throws InterruptedException {
            for (String line = ""; !line.equals(wanted); seen.add(line)) {
                line = lines.poll(LONG.getSeconds(), TimeUnit.SECONDS);
                if (line == null) {
                    throw new AssertionError("it did not say \"" + wanted + "\" but " + seen);
                }
            }
        }

        void ends() throws Exception {
            process.getOutputStream().close();
            if (!process.waitFor(LONG.getSeconds(), TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new AssertionError("it goes on, or ended with an error");
            }
        }

        @Override
        public void close() {
            process.destroyForcibly();
        }
    }

    /** Two programs of a chat in one overlay, of which the second goes first. */
    public static void chat(Daemon daemon, String program) throws Exception {
        String port = String.valueOf(daemon.port);
        try (Program anna = new Program(daemon.java("-Dfile.encoding=UTF-8", program, port, "anna"))) {
            anna.says("* anna is here");
            try (Program bert = new Program(daemon.java("-Dfile.encoding=UTF-8", program, port, "bert"))) {
                bert.says("* bert is here");
                anna.says("* bert is here");
                anna.write("good morning");
                bert.says("<anna> good morning");
                bert.write("and to you");
                anna.says("<bert> and to you");
                bert.ends();
            }
            anna.says("* bert has left");
            anna.ends();
        }
    }

    /** What one peer program publishes, another receives field by field. */
    public static void peers(Daemon daemon, String publishing, String receiving) throws Exception {
        String port = String.valueOf(daemon.port);
        String[] messages = {
            "bytes 6279746573 00ff", "bytes ff80 -",
            "digest 6469676573742e61 -32768:bool:true,-1:byte:-128,1:i16:32767,2:i32:-2147483648,3:i64:9223372036854775807,4:double:7ff8dead0000beef,5:string:-,6:string:ff00",
            "digest 6469676573742e61 -",
        };
        try (Program receiver = new Program(daemon.java(receiving, "receive", port, "receiver"))) {
            receiver.write("6279746573,ff80,6469676573742e61");
            receiver.says("ready");
            try (Program publisher = new Program(daemon.java(publishing, "publish", port, "publisher"))) {
                for (String message : messages) {
                    publisher.write(message);
                    receiver.says(message);
                }
                publisher.ends();
                publisher.says("done " + messages.length);
            }
            receiver.ends();
        }
    }
}
