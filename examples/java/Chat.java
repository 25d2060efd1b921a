import com.gossiperl.client.Client;
import com.gossiperl.client.Delivery;
import com.gossiperl.client.Digest;
import com.gossiperl.client.Event;
import com.gossiperl.client.Listener;
import com.gossiperl.client.MemberChange;
import com.gossiperl.client.Options;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * A chat: each line of the standard input goes to all others; theirs are printed, and who comes and goes.
 *
 * <p>{@code GOSSIPERL_KEY=… java -cp gossiperl-client.jar:. Chat PORT NAME}
 */
public final class Chat implements Listener {
    private static final String TYPE = "chat";

    private Chat() {}

    public static void main(String[] arguments) throws IOException {
        Options options = Options.of(Integer.parseInt(arguments[0]), arguments[1], System.getenv("GOSSIPERL_KEY"));
        try (Client client = Client.connect(options, new Chat()).join()) {
            client.subscribe(TYPE).join();
            client.watchMembers().join().forEach(member -> System.out.println("* " + member.name() + " is here"));
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                client.publish(TYPE, new Digest().putString(1, client.name()).putString(2, line)).join();
            }
        }
    }

    @Override
    public void onDelivery(Client client, Delivery delivery) {
        Digest line = delivery.digest();
        System.out.println("<" + line.getString(1) + "> " + line.getString(2));
    }

    @Override
    public void onMember(Client client, Event.MemberChanged event) {
        System.out.println("* " + event.member().name() + " " + what(event.change()));
    }

    private static String what(MemberChange change) {
        switch (change) {
            case IN:
                return "is here";
            case REJOIN:
                return "is back";
            case OUT:
                return "has left";
            default:
                return "is silent";
        }
    }

    @Override
    public void onConnected(Client client, Event.Connected event) {
        System.out.println("* connected to " + event.daemon());
    }

    @Override
    public void onDisconnected(Client client, Event.Disconnected event) {
        System.out.println("* disconnected: " + event.reason());
    }
}
