"""What the logs of both systems say: lines as Serf 0.9.4 and gossiperld 2.0.0 print them."""

import unittest

import gossiperl
import serf
from observer import Kind


class SerfLog(unittest.TestCase):
    def test_members_come_fail_and_go(self):
        lines = {
            "    2026/11/25 11:50:34 [INFO] serf: EventMemberJoin: member-1 127.79.0.1": (
                Kind.ALIVE,
                "member-1",
            ),
            "    2026/11/25 11:50:46 [INFO] serf: EventMemberFailed: member-12 10.79.0.13": (
                Kind.FAILED,
                "member-12",
            ),
            "    2026/11/25 11:50:46 [INFO] serf: EventMemberLeave: newcomer-7 10.79.0.9": (
                Kind.GONE,
                "newcomer-7",
            ),
            "    2026/11/25 11:50:46 [INFO] serf: EventMemberReap: member-2 10.79.0.3": (
                Kind.GONE,
                "member-2",
            ),
        }
        for line, said in lines.items():
            self.assertEqual(serf.parse(line), said)

    def test_user_events_are_heard(self):
        line = "    2026/11/25 11:50:37 [INFO] agent: Received event: user-event: hello-1"
        self.assertEqual(serf.parse(line), (Kind.HEARD, "hello-1"))

    def test_suspicion_and_gathered_events_are_no_failures(self):
        for line in (
            "    2026/11/25 11:50:46 [INFO] memberlist: Suspect member-2 has failed, no acks received",
            "    2026/11/25 11:50:46 [INFO] memberlist: Marking member-2 as failed, suspect timeout reached (2 peer confirmations)",
            "    2026/11/25 11:50:35 [INFO] agent: Received event: member-failed",
            "    2026/11/25 11:50:35 [INFO] serf: EventMemberUpdate: member-2",
            "==> Serf agent running!",
            "",
        ):
            self.assertIsNone(serf.parse(line), line)


class GossiperldLog(unittest.TestCase):
    def line(self, message, who):
        return (
            f'{{"timestamp":"2026-11-25T11:50:52.698696Z","level":"WARN","message":"{message}",'
            f'"overlay":"compare",{who},"rack":"default"}}'
        )

    def test_members_come_fail_and_go(self):
        said = {
            "member_in": Kind.ALIVE,
            "member_rejoin": Kind.ALIVE,
            "member_unreachable": Kind.FAILED,
            "member_drop": Kind.GONE,
            "member_out": Kind.GONE,
        }
        for message, kind in said.items():
            self.assertEqual(
                gossiperl.parse_log(self.line(message, '"member":"member-2"')), (kind, "member-2")
            )

    def test_quarantine_is_suspicion_and_no_failure(self):
        self.assertIsNone(gossiperl.parse_log(self.line("member_quarantine", '"member":"member-2"')))

    def test_clients_are_no_members(self):
        self.assertIsNone(gossiperl.parse_log(self.line("member_in", '"client":"gossiperl-1-2"')))

    def test_it_is_ready_once_it_has_started(self):
        self.assertEqual(gossiperl.parse_log('{"message":"started","overlays":1}'), (Kind.READY, ""))
        self.assertIsNone(
            gossiperl.parse_log('{"message":"serving","overlay":"compare","member":"member-1"}')
        )

    def test_what_is_no_json_object_is_passed_over(self):
        for line in (
            "",
            "gossiperld: cannot bind",
            "[1]",
            '"member_in"',
            '{"message":["member_in"],"member":"a"}',
            '{"message":"member_in","member":1}',
        ):
            self.assertIsNone(gossiperl.parse_log(line), line)


class Subscriber(unittest.TestCase):
    def test_it_is_ready_and_hears(self):
        self.assertEqual(gossiperl.parse_subscriber("subscribed to compare"), (Kind.READY, ""))
        self.assertEqual(gossiperl.parse_subscriber("compare  message-7-0"), (Kind.HEARD, "message-7-0"))
        self.assertIsNone(gossiperl.parse_subscriber("connected to member-1"))
        self.assertIsNone(gossiperl.parse_subscriber("other  message-7-0"))
