"""What a process uses, from /proc."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Memory that is resident now."""
    return parse_resident(Path(f"/proc/{pid}/status").read_text())


def cpu_seconds(pid: int) -> float:
    """Processor time so far, the system's on its behalf included."""
    return parse_cpu_ticks(Path(f"/proc/{pid}/stat").read_text()) / TICKS


def parse_resident(status: str) -> int:
    """Reads /proc/PID/status."""
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    raise ValueError("no VmRSS: the process has ended")


def parse_cpu_ticks(stat: str) -> int:
    """Reads /proc/PID/stat; the program's name in it may hold spaces and parentheses."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
