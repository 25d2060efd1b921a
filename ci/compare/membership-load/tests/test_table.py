"""The table."""

import unittest

import table
from measure import Quiet, Spread, Stalls
from table import Figures


def figures(system, size, loss):
    quiet = Quiet(
        member_hours=0.5,
        alarms=2,
        udp_bytes_per_second=201.4,
        tcp_bytes_per_second=None,
        resident_bytes=7.1e6,
        cpu_share=0.00025,
    )
    stalls = Stalls(member_hours=0.5, alarms=0, stops=6, stops_declared=2, declarations=14)
    kills = [Spread([1.0, 2.0, 3.0]), Spread([2.0, 2.5, 4.04]), Spread([11.04], 2)]
    return Figures(
        system, size, loss, kills, [Spread([0.25])], [Spread([0.0061])], [Spread([], 7)], quiet, stalls
    )


class Table(unittest.TestCase):
    def rows(self, all_figures):
        return [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in table.table(all_figures).splitlines()
        ]

    def test_there_is_a_column_for_each_system_and_loss_and_a_gap_where_nothing_was_measured(self):
        rows = self.rows(
            [
                figures("gossiperl", 8, 0),
                figures("gossiperl", 8, 20),
                figures("Serf", 8, 0),
                figures("gossiperl", 30, 0),
            ]
        )
        self.assertEqual(rows[0], ["", "gossiperl, no loss", "Serf, no loss", "gossiperl, 20 % loss"])
        self.assertTrue(all(len(row) == 4 for row in rows))
        self.assertEqual(len(rows), 2 + 2 * len(table.ROWS))
        self.assertEqual(rows[2][0], "**8 members**: a killed member known to all survivors, s")
        self.assertEqual(rows[2 + len(table.ROWS)][2], table.ABSENT)

    def test_each_row_shows_its_figure(self):
        shown = [row[1] for row in self.rows([figures("gossiperl", 8, 0)])[2:]]
        self.assertEqual(
            shown,
            [
                "4.0 (3.0 to 11.0), 2 never",
                "2.5 (2.0 to 11.0)",
                "0.25 (0.25 to 0.25)",
                "0.006 (0.006 to 0.006)",
                "–, 7 never",
                "4.0 (2)",
                "0",
                "2 of 6",
                "201",
                "–",
                "7.1",
                "0.025",
            ],
        )
