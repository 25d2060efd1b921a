package check;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The README's quick start, the examples and the peer, as programs of their own. */
class ProgramsTest {
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
    void theQuickStartDoesWhatItSays() throws Exception {
        try (Programs.Program program = new Programs.Program(daemon.java("QuickStart"))) {
            program.says("three apples");
            program.says("door 7 is open: true");
            program.says("billing is REACHABLE");
            program.ends();
        }
    }

    @Test
    void twoOfAChatHearEachOther() throws Exception {
        Programs.chat(daemon, "Chat");
    }

    @Test
    void instancesOfAServiceSeeEachOther() throws Exception {
        String port = String.valueOf(daemon.port);
        try (Programs.Program one = new Programs.Program(daemon.java("Presence", port, "shop", "one"))) {
            one.says("{one=true}");
            try (Programs.Program two = new Programs.Program(daemon.java("Presence", port, "shop", "two"))) {
                one.says("{one=true, two=true}");
                two.says("{one=true, two=true}");
                two.ends();
            }
            one.says("{one=true}");
            one.ends();
        }
    }

    @Test
    void thePeerReceivesWhatItPublishes() throws Exception {
        Programs.peers(daemon, "Peer", "Peer");
    }
}
