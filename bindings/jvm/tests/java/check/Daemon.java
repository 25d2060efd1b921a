package check;

import com.gossiperl.client.Options;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A gossiperld of its own folder, on a free port; the program is named by {@code GOSSIPERLD}. */
public final class Daemon implements AutoCloseable {
    public static final String KEY = "a key for tests only";

    public final int port;
    private final Path folder;
    private Process process;

    public Daemon() throws IOException {
        folder = Files.createTempDirectory("gossiperld-");
        try (DatagramSocket free = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        String config = "data_dir = \"" + folder + "/data\"\nrest = false\n[overlays.java]\nip = \"127.0.0.1\"\nport = " + port
                + "\nmember_name = \"daemon\"\nsymmetric_key = \"" + KEY + "\"\nracks = { default = [] }\n";
        Path file = folder.resolve("gossiperl.toml");
        Files.write(file, config.getBytes(StandardCharsets.UTF_8));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        start();
    }

    void start() throws IOException {
        ProcessBuilder builder = new ProcessBuilder(System.getenv("GOSSIPERLD"), "--config", folder + "/gossiperl.toml");
        process = builder.redirectErrorStream(true).start();
        BufferedReader log = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        StringBuilder said = new StringBuilder();
        for (String line = log.readLine(); ; line = log.readLine()) {
            if (line == null) {
                throw new IOException("gossiperld did not start: " + said);
            }
            if (line.contains("started")) {
                break;
            }
            said.append(line).append('\n');
        }
        Thread drain = new Thread(() -> {
            try {
                log.lines().forEach(each -> {});
            } catch (UncheckedIOException ended) {
                // It was killed.
                return;
            }
        });
        drain.setDaemon(true);
        drain.start();
    }

    /** Ends it without a goodbye. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    Options options(String name) {
        return Options.of(port, name, KEY).secret("its own");
    }

    /** Runs a program that has this project's class path, in a virtual machine of its own, as a user of this daemon. */
    ProcessBuilder java(String... arguments) {
        String java = System.getProperty("java.home") + File.separator + "bin" + File.separator + "java";
        List<String> command = Stream.concat(Stream.of(java, "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path")), Stream.of(arguments))
                .collect(Collectors.toList());
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put("GOSSIPERL_KEY", KEY);
        builder.environment().put("GOSSIPERL_PORT", String.valueOf(port));
        return builder;
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly();
        try (Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
        }
    }
}
