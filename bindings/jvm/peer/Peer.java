import com.gossiperl.client.Client;
import com.gossiperl.client.Delivery;
import com.gossiperl.client.Digest;
import com.gossiperl.client.Event;
import com.gossiperl.client.Options;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/** The program of bindings/interop/README.md. */
public final class Peer {
    private static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));

    private Peer() {}

    public static void main(String[] arguments) {
        try {
            Options options = Options.of(Integer.parseInt(arguments[1]), arguments[2], System.getenv("GOSSIPERL_KEY"));
            try (Client client = Client.connect(options).join()) {
                run(arguments, client);
            }
        } catch (Exception failed) {
            System.err.println("peer: " + failed);
            System.exit(1);
        }
    }

    private static void run(String[] arguments, Client client) throws IOException, InterruptedException {
        switch (arguments[0]) {
            case "publish":
                publish(client);
                break;
            case "receive":
                receive(client);
                break;
            case "bench-publish":
                benchPublish(client, Integer.parseInt(arguments[3]), Integer.parseInt(arguments[4]));
                break;
            case "bench-receive":
                benchReceive(client, Integer.parseInt(arguments[3]));
                break;
            default:
                throw new IllegalArgumentException("there is no " + arguments[0]);
        }
    }

    private static void publish(Client client) throws IOException {
        int count = 0;
        for (String line = INPUT.readLine(); line != null; line = INPUT.readLine()) {
            String[] words = line.split(" ");
            String type = name(words[1]);
            if (words[0].equals("digest")) {
                client.publish(type, digest(words[2])).join();
            } else {
                client.publish(type, bytes(words[2])).join();
            }
            count++;
        }
        System.out.println("done " + count);
    }

    private static void receive(Client client) throws IOException {
        String[] types = Arrays.stream(INPUT.readLine().split(",")).map(Peer::name).toArray(String[]::new);
        client.subscribe(types).join();
        System.out.println("ready");
        CompletableFuture.runAsync(() -> {
            try {
                while (INPUT.readLine() != null) {
                    // Its end is all that matters.
                }
            } catch (IOException gone) {
                // The same.
            }
            client.close();
        });
        for (Delivery delivery : client.deliveries()) {
            String type = hex(bytesOf(delivery.type()));
            boolean digest = delivery.type().startsWith("digest.");
            System.out.println(digest ? "digest " + type + " " + fields(delivery.digest()) : "bytes " + type + " " + hex(delivery.payload()));
        }
    }

    private static void benchPublish(Client client, int count, int size) {
        byte[] payload = new byte[size];
        long start = System.nanoTime();
        for (int sent = 0; sent < count; sent++) {
            CompletableFuture<Void> handed = client.send("bench", payload);
            if (!handed.isDone() || handed.isCompletedExceptionally()) {
                handed.join();
            }
        }
        client.flush().join();
        say(count, System.nanoTime() - start);
    }

    private static void benchReceive(Client client, int count) throws InterruptedException {
        client.subscribe("bench").join();
        System.out.println("ready");
        int received = 0;
        long first = 0;
        while (received < count) {
            List<Event> batch = client.nextEvents(1024, null);
            for (Event event : batch) {
                if (event instanceof Delivery) {
                    first = received++ == 0 ? System.nanoTime() : first;
                }
            }
        }
        say(count, System.nanoTime() - first);
    }

    private static void say(int count, long nanoseconds) {
        System.out.println(String.format(Locale.ROOT, "{\"messages\": %d, \"seconds\": %.6f}", count, nanoseconds / 1e9));
    }

    private static Digest digest(String fields) {
        Digest digest = new Digest();
        if (fields.equals("-")) {
            return digest;
        }
        for (String field : fields.split(",")) {
            String[] parts = field.split(":");
            int id = Integer.parseInt(parts[0]);
            String value = parts[2];
            switch (parts[1]) {
                case "bool":
                    digest.putBoolean(id, Boolean.parseBoolean(value));
                    break;
                case "byte":
                    digest.putByte(id, Byte.parseByte(value));
                    break;
                case "i16":
                    digest.putShort(id, Short.parseShort(value));
                    break;
                case "i32":
                    digest.putInt(id, Integer.parseInt(value));
                    break;
                case "i64":
                    digest.putLong(id, Long.parseLong(value));
                    break;
                case "double":
                    digest.putDouble(id, Double.longBitsToDouble(Long.parseUnsignedLong(value, 16)));
                    break;
                case "string":
                    digest.putBytes(id, bytes(value));
                    break;
                default:
                    throw new IllegalArgumentException("there is no kind " + parts[1]);
            }
        }
        return digest;
    }

    private static String fields(Digest digest) {
        String fields = digest.fields().entrySet().stream().map(Peer::field).collect(Collectors.joining(","));
        return fields.isEmpty() ? "-" : fields;
    }

    private static String field(Map.Entry<Integer, Object> field) {
        Object value = field.getValue();
        String written;
        if (value instanceof Boolean) {
            written = "bool:" + value;
        } else if (value instanceof Byte) {
            written = "byte:" + value;
        } else if (value instanceof Short) {
            written = "i16:" + value;
        } else if (value instanceof Integer) {
            written = "i32:" + value;
        } else if (value instanceof Long) {
            written = "i64:" + value;
        } else if (value instanceof Double) {
            written = String.format("double:%016x", Double.doubleToRawLongBits((Double) value));
        } else {
            written = "string:" + hex((byte[]) value);
        }
        return field.getKey() + ":" + written;
    }

    /** The name of these bytes: a digest's strings know the rule. */
    private static String name(String hex) {
        return new Digest().putBytes(0, bytes(hex)).getString(0);
    }

    private static byte[] bytesOf(String name) {
        return new Digest().putString(0, name).getBytes(0);
    }

    private static byte[] bytes(String hex) {
        if (hex.equals("-")) {
            return new byte[0];
        }
        byte[] bytes = new byte[hex.length() / 2];
        for (int index = 0; index < bytes.length; index++) {
            bytes[index] = (byte) Integer.parseInt(hex.substring(2 * index, 2 * index + 2), 16);
        }
        return bytes;
    }

    private static String hex(byte[] bytes) {
        if (bytes.length == 0) {
            return "-";
        }
        StringBuilder hex = new StringBuilder(2 * bytes.length);
        for (byte each : bytes) {
            hex.append(Character.forDigit(each >> 4 & 15, 16)).append(Character.forDigit(each & 15, 16));
        }
        return hex.toString();
    }
}
