"""What the system tells of processes and counters, and what nftables is told."""

import os
import unittest

import network
import usage
from network import Loopback, Sent


class Usage(unittest.TestCase):
    def test_a_name_with_parentheses_and_spaces_moves_no_field(self):
        stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 1500 0 0 0 120 30 0 0 20 0 9 0 100 1 2 3"
        self.assertEqual(usage.parse_cpu_ticks(stat), 150)

    def test_resident_memory_is_told_in_kibibytes(self):
        self.assertEqual(
            usage.parse_resident("Name:\tserf\nVmHWM:\t  9000 kB\nVmRSS:\t    7000 kB\n"), 7_168_000
        )
        with self.assertRaises(ValueError):
            usage.parse_resident("Name:\tserf\nState:\tZ (zombie)\n")

    def test_our_own_are_found(self):
        self.assertGreater(usage.resident_bytes(os.getpid()), 1_000_000)
        self.assertGreaterEqual(usage.cpu_seconds(os.getpid()), 0)


class Network(unittest.TestCase):
    def test_counters_are_read(self):
        listed = (
            '{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},'
            '{"counter": {"family": "inet", "name": "sent-udp", "table": "compare", "handle": 1, "packets": 3, "bytes": 312}},'
            '{"counter": {"family": "inet", "name": "sent-tcp", "table": "compare", "handle": 2, "packets": 0, "bytes": 0}}]}'
        )
        self.assertEqual(network.sent_bytes(listed), Sent(udp=312, tcp=0))

    def test_a_new_loss_replaces_the_last(self):
        self.assertIn("numgen random mod 100 < 5 drop", network.loss_rules(5))
        self.assertTrue(network.loss_rules(5).startswith("flush chain inet compare received\n"))
        self.assertNotIn("drop", network.loss_rules(0))

    def test_addresses_are_distinct_and_of_hosts(self):
        addresses = {Loopback().address(number) for number in range(1, 301)}
        self.assertEqual(len(addresses), 300)
        self.assertFalse(any(address.endswith((".0", ".255")) for address in addresses))

    def test_loopback_refuses_to_pretend_a_loss(self):
        with self.assertRaises(ValueError):
            Loopback().lose(5)
