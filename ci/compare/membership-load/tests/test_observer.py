"""What an observer makes of the lines of several processes, which are pipes here."""

import os
import unittest

import serf
from observer import Kind, Observer

WITHIN = 60


class Observing(unittest.TestCase):
    def setUp(self):
        self.observer = Observer()
        self.addCleanup(self.observer.close)

    def watch(self, name):
        read, write = os.pipe()
        self.observer.watch(name, os.fdopen(read, "rb", buffering=0), serf.parse)
        pipe = os.fdopen(write, "wb", buffering=0)
        self.addCleanup(pipe.close)
        return pipe

    def test_a_view_follows_the_lines_also_those_that_come_in_pieces(self):
        pipe = self.watch("a")
        pipe.write(b" [INFO] serf: EventMemberJoin: a 10.79.0.1\n [INFO] serf: EventMemberJoin: b 10.7")
        self.assertTrue(self.observer.wait(lambda: "a" in self.observer.ready, WITHIN))
        self.assertEqual(self.observer.views["a"], {})
        pipe.write(b"9.0.2\n")
        self.assertTrue(self.observer.wait(lambda: self.observer.views["a"].get("b") is Kind.ALIVE, WITHIN))
        pipe.write(b" [INFO] serf: EventMemberFailed: b 10.79.0.2\n")
        self.assertTrue(self.observer.wait(lambda: self.observer.views["a"].get("b") is Kind.FAILED, WITHIN))
        times = [event.at for event in self.observer.since(0)]
        self.assertEqual(times, sorted(times))

    def test_the_living_are_counted_once_each_and_while_they_live(self):
        pipe = self.watch("a")
        for said in (
            "Join: b",
            "Join: b",
            "Join: c",
            "Failed: b",
            "Failed: b",
            "Join: d",
            "Leave: d",
            "Join: b",
            "Failed: x",
        ):
            pipe.write(f" [INFO] serf: EventMember{said} 10.79.0.2\n".encode())
        self.assertTrue(self.observer.wait(lambda: "x" in self.observer.views["a"], WITHIN))
        self.assertEqual(self.observer.alive["a"], 2)

    def test_a_line_without_an_end_counts_when_the_process_has_ended(self):
        pipe = self.watch("a")
        pipe.write(b" [INFO] serf: EventMemberJoin: b 10.79.0.2")
        pipe.close()
        self.assertTrue(self.observer.wait(lambda: "b" in self.observer.views["a"], WITHIN))

    def test_a_process_that_starts_again_knows_nobody(self):
        pipe = self.watch("a")
        pipe.write(
            b" [INFO] serf: EventMemberJoin: a 10.79.0.1\n [INFO] serf: EventMemberJoin: b 10.79.0.2\n"
        )
        self.assertTrue(self.observer.wait(lambda: "b" in self.observer.views["a"], WITHIN))
        pipe.close()
        self.watch("a")
        self.assertEqual(self.observer.views["a"], {})
        self.assertNotIn("a", self.observer.ready)

    def test_only_events_since_the_mark_are_given(self):
        pipe = self.watch("a")
        pipe.write(b" [INFO] serf: EventMemberJoin: b 10.79.0.2\n")
        self.assertTrue(self.observer.wait(lambda: "b" in self.observer.views["a"], WITHIN))
        mark = self.observer.mark()
        pipe.write(b" [INFO] serf: EventMemberFailed: b 10.79.0.2\n")
        self.assertTrue(self.observer.wait(lambda: self.observer.views["a"]["b"] is Kind.FAILED, WITHIN))
        self.assertEqual([event.kind for event in self.observer.since(mark)], [Kind.FAILED])

    def test_the_end_of_a_log_is_kept_for_the_error(self):
        pipe = self.watch("a")
        pipe.write(
            b"".join(b"line %d\n" % i for i in range(100)) + b" [INFO] serf: EventMemberJoin: a 10.79.0.1\n"
        )
        self.assertTrue(self.observer.wait(lambda: "a" in self.observer.ready, WITHIN))
        self.assertIn("line 99", self.observer.last_lines("a"))
        self.assertNotIn("line 50", self.observer.last_lines("a"))
