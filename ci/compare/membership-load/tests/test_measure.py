"""What is computed from events."""

import unittest

from measure import Spread, Stalls, Stop, count_stalls, spread, stopped_at_once
from observer import Event, Kind


def failed(at, observer, about):
    return Event(at, observer, Kind.FAILED, about)


class Spreading(unittest.TestCase):
    def test_each_observers_first_word_counts_and_silence_is_missing(self):
        events = [
            failed(12.0, "b", "x"),
            failed(11.0, "a", "x"),
            failed(13.0, "a", "x"),
            failed(10.5, "a", "y"),
            Event(10.1, "c", Kind.ALIVE, "x"),
            failed(10.2, "stranger", "x"),
        ]
        self.assertEqual(spread(events, Kind.FAILED, "x", ["a", "b", "c"], 10.0), Spread([1.0, 2.0], 1))


class Stalling(unittest.TestCase):
    stops = (Stop("x", 100.0, 105.0), Stop("y", 110.0, 115.0))

    def test_declarations_about_the_stopped_are_no_false_alarms(self):
        failures = [failed(104.0, "a", "x"), failed(104.1, "b", "x"), failed(112.0, "a", "z")]
        self.assertEqual(
            count_stalls(failures, list(self.stops), 2.0),
            Stalls(2.0, alarms=1, stops=2, stops_declared=1, declarations=2),
        )

    def test_a_declaration_belongs_to_a_stop_until_the_next_ones(self):
        self.assertEqual(count_stalls([failed(109.9, "a", "x")], list(self.stops), 1.0).alarms, 0)
        self.assertEqual(count_stalls([failed(110.1, "a", "x")], list(self.stops), 1.0).alarms, 1)
        self.assertEqual(count_stalls([failed(99.9, "a", "x")], list(self.stops), 1.0).alarms, 1)

    def test_one_in_twenty_is_stopped_and_at_least_one(self):
        self.assertEqual([stopped_at_once(members) for members in (2, 8, 30, 60, 100)], [1, 1, 2, 3, 5])
