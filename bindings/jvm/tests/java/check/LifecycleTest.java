package check;

import static check.Waiting.LONG;
import static check.Waiting.next;
import static check.Waiting.soon;
import static check.Waiting.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.gossiperl.client.Client;
import com.gossiperl.client.Event;
import com.gossiperl.client.Listener;
import com.gossiperl.client.MemberChange;
import com.gossiperl.client.OptionException;
import com.gossiperl.client.Options;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class LifecycleTest {
    private static Daemon daemon;

    @BeforeAll
    static void start() throws Exception {
        daemon = new Daemon();
    }

    @AfterAll
    static void stop() throws Exception {
        daemon.close();
    }

    @Test
    void thousandsOfCyclesLeaveNoThreadSocketOrMemoryBehind() throws Exception {
        cycles(200);
        long threads = threads();
        long files = files();
        long memory = memory();
        cycles(2_000);
        // Threads of listeners end by themselves, a moment after their clients.
        until("no thread is left behind", () -> threads() <= threads + 4);
        until("no socket is left behind", () -> files() <= files + 2);
        System.gc();
        long grown = memory() - memory;
        assertTrue(grown < 48 << 10, grown + " KiB more after 2,000 cycles");
    }

    private static void cycles(int count) throws Exception {
        for (int cycle = 0; cycle < count; cycle++) {
            Options options = daemon.options("cycle");
            try (Client client = soon(cycle % 2 == 0 ? Client.connect(options) : Client.connect(options, new Listener() {}))) {
                if (cycle % 10 == 0) {
                    soon(client.subscribe("cycles"));
                    soon(client.publish("cycles", new byte[1_000]));
                }
            }
        }
    }

    @Test
    void severalClientsOfOneProcessKnowNothingOfEachOther() throws Exception {
        Client[] clients = new Client[50];
        for (int index = 0; index < clients.length; index++) {
            clients[index] = soon(Client.connect(daemon.options("several." + index)));
            soon(clients[index].subscribe("several." + index));
        }
        for (int index = 0; index < clients.length; index++) {
            soon(clients[index].publish("several." + (index + 1) % clients.length, new byte[] {(byte) index}));
        }
        for (int index = 0; index < clients.length; index++) {
            int from = clients[index].deliveries().iterator().next().payload()[0];
            assertEquals(index, (from + 1) % clients.length);
            clients[index].close();
        }
    }

    @Test
    void aForgottenClientIsClosed() throws Exception {
        try (Client watcher = soon(Client.connect(daemon.options("forgotten.watcher")))) {
            soon(watcher.watchMembers());
            soon(Client.connect(daemon.options("forgotten")));
            assertEquals("forgotten", changed(watcher, MemberChange.IN));
            until("it is collected", () -> {
                System.gc();
                try {
                    List<Event> events = watcher.nextEvents(1, Duration.ZERO);
                    return events.stream().anyMatch(event -> ((Event.MemberChanged) event).change() == MemberChange.OUT);
                } catch (InterruptedException interrupted) {
                    throw new IllegalStateException(interrupted);
                }
            });
        }
    }

    private static String changed(Client watcher, MemberChange change) throws InterruptedException {
        Event.MemberChanged event = next(watcher, Event.MemberChanged.class);
        assertEquals(change, event.change());
        return event.member().name();
    }

    @Test
    void aProgramEndsThoughAClientIsOpen() throws Exception {
        for (String how : new String[] {"return", "exit"}) {
            Process process = daemon.java(LeftOpen.class.getName(), how).start();
            assertTrue(process.waitFor(LONG.getSeconds(), TimeUnit.SECONDS), how);
            assertEquals(0, process.exitValue(), how);
        }
    }

    /** A program that leaves clients open, with readers and listeners that wait. */
    static final class LeftOpen {
        public static void main(String[] arguments) throws Exception {
            Options options = Options.of(Integer.parseInt(System.getenv("GOSSIPERL_PORT")), "open." + arguments[0], System.getenv("GOSSIPERL_KEY"));
            Client client = soon(Client.connect(options));
            Client.start(options, new Listener() {});
            Thread reader = new Thread(() -> client.deliveries().iterator().hasNext());
            reader.setDaemon(true);
            reader.start();
            soon(client.publish("open", new byte[0]));
            if (arguments[0].equals("exit")) {
                System.exit(0);
            }
        }
    }

    @Test
    void eachClassLoaderHasALibraryOfItsOwn() throws Exception {
        URL[] path = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator)).map(LifecycleTest::url).toArray(URL[]::new);
        for (int loaders = 0; loaders < 2; loaders++) {
            try (URLClassLoader loader = new URLClassLoader(path, ClassLoader.getSystemClassLoader().getParent())) {
                Class<?> options = loader.loadClass("com.gossiperl.client.Options");
                Object given = options.getMethod("of", int.class, String.class, String.class).invoke(null, daemon.port, "loader", Daemon.KEY);
                Object future = loader.loadClass("com.gossiperl.client.Client").getMethod("connect", options).invoke(null, given);
                ((AutoCloseable) soon((CompletableFuture<?>) future)).close();
            }
        }
    }

    @Test
    void aLibraryThatCannotBeLoadedSaysWhatToDo() throws Exception {
        Path folder = Files.createTempDirectory("gossiperl-test-");
        Path broken = Files.write(folder.resolve("broken.so"), new byte[] {1, 2, 3});
        String[][] cases = {
            {"gossiperl.library", broken.toString(), "property gossiperl.library"},
            {"gossiperl.tmpdir", folder + "/none", "property gossiperl.tmpdir"},
        };
        for (String[] each : cases) {
            Process process = daemon.java("-D" + each[0] + "=" + each[1], Loads.class.getName()).redirectErrorStream(true).start();
            String said = new String(readAll(process), StandardCharsets.UTF_8);
            assertTrue(said.contains(each[2]), said);
        }
        // The folder that is named is used, and left as it was.
        Process process = daemon.java("-Djava.io.tmpdir=/proc", "-Dgossiperl.tmpdir=" + folder, Loads.class.getName()).redirectErrorStream(true).start();
        String said = new String(readAll(process), StandardCharsets.UTF_8);
        assertTrue(said.contains("loaded"), said);
        Files.delete(broken);
        Files.delete(folder);
    }

    /** A program that does nothing but load the library. */
    static final class Loads {
        public static void main(String[] arguments) {
            try {
                Client.start(Options.of(0, "name", "key"));
            } catch (OptionException expected) {
                System.out.println("loaded");
            } catch (LinkageError failed) {
                System.out.println(failed.getMessage());
            }
        }
    }

    private static byte[] readAll(Process process) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] some = new byte[4096];
        for (int count = process.getInputStream().read(some); count > 0; count = process.getInputStream().read(some)) {
            all.write(some, 0, count);
        }
        return all.toByteArray();
    }

    private static URL url(String entry) {
        try {
            return new File(entry).toURI().toURL();
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static long threads() {
        return entries("/proc/self/task");
    }

    private static long files() {
        return entries("/proc/self/fd");
    }

    /** Memory of this process outside of files, KiB. */
    private static long memory() throws IOException {
        return Files.readAllLines(Paths.get("/proc/self/status")).stream().filter(line -> line.startsWith("RssAnon:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", ""))).sum();
    }

    private static long entries(String folder) {
        try (Stream<Path> entries = Files.list(Paths.get(folder))) {
            return entries.count();
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
