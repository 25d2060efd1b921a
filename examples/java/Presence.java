import com.gossiperl.client.Client;
import com.gossiperl.client.Event;
import com.gossiperl.client.Listener;
import com.gossiperl.client.Member;
import com.gossiperl.client.Options;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;

/**
 * Service presence: which instances of a service are there. An instance is a member whose name is the service's, a dot, and its own. This program is one of them, and prints the instances
 * at each change until its standard input ends.
 *
 * <p>{@code GOSSIPERL_KEY=… java -cp gossiperl-client.jar:. Presence PORT SERVICE INSTANCE}
 */
public final class Presence implements Listener {
    private final String prefix;
    /** Instances that are there, by name, and whether they answer. */
    private final Map<String, Boolean> instances = new TreeMap<>();

    private Presence(String service) {
        prefix = service + ".";
    }

    public static void main(String[] arguments) throws IOException {
        Presence presence = new Presence(arguments[1]);
        String name = arguments[1] + "." + arguments[2];
        Options options = Options.of(Integer.parseInt(arguments[0]), name, System.getenv("GOSSIPERL_KEY"));
        try (Client client = Client.connect(options, presence).join()) {
            client.watchMembers().thenAccept(members -> members.forEach(presence::note)).join();
            while (System.in.read() >= 0) {
                // Until it ends.
            }
        }
    }

    @Override
    public void onMember(Client client, Event.MemberChanged event) {
        note(event.member());
    }

    private synchronized void note(Member member) {
        if (!member.name().startsWith(prefix)) {
            return;
        }
        String instance = member.name().substring(prefix.length());
        Boolean before = instances.get(instance);
        switch (member.state()) {
            case REACHABLE:
                instances.put(instance, true);
                break;
            case QUARANTINE:
                instances.put(instance, false);
                break;
            default:
                instances.remove(instance);
        }
        if (before != instances.get(instance)) {
            System.out.println(instances);
        }
    }
}
