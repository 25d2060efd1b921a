"""Puts the whole run into namespaces of its own, for processes, network and mounts, with which all that it makes goes.

The first process stays outside and only passes signals on. The second is process 1 of the new namespaces; when it ends,
and it is killed when the first is, the system kills every process in there, and with them go the network namespaces and
their devices.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

NEW_MOUNTS, NEW_PROCESSES, NEW_NETWORK = 0x00020000, 0x20000000, 0x40000000
MOUNT_PRIVATE = 0x4000 | (1 << 18)
MOUNT_NO_SUID_DEV_EXEC = 0x2 | 0x4 | 0x8
PARENT_DEATH_SIGNAL = 1
# Where `ip netns` keeps its names: a file system in memory that only the run sees.
NAMES = Path("/run/netns")
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_libc = ctypes.CDLL(None, use_errno=True)


def contain() -> bool:
    """Goes on in new namespaces; False where those are not permitted, which takes root. Must be called while there is one thread."""
    if _libc.unshare(NEW_MOUNTS | NEW_PROCESSES | NEW_NETWORK) != 0:
        return False
    inside = os.fork()
    if inside != 0:
        _stay_outside(inside)
    _checked(_libc.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0), "prctl")
    # Nothing mounted from here on is seen outside, least of all the names of network namespaces.
    _mount("none", "/", None, MOUNT_PRIVATE)
    _mount("proc", "/proc", "proc", MOUNT_NO_SUID_DEV_EXEC)
    # Hides the machine's own, under a name that exists on every machine.
    _mount("tmpfs", str(NAMES.parent), "tmpfs", 0)
    NAMES.mkdir()
    return True


def stop_in_order() -> None:
    """From here on the first signal to stop raises SystemExit, so that whoever started something ends it; later ones are ignored."""

    def stop(number: int, _frame: object) -> None:
        for each in STOPPING:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for each in STOPPING:
        signal.signal(each, stop)


def _stay_outside(inside: int) -> None:
    for each in STOPPING:
        signal.signal(each, lambda number, _frame: os.kill(inside, number))
    _, status = os.waitpid(inside, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _mount(source: str, target: str, kind: str | None, flags: int) -> None:
    result = _libc.mount(
        source.encode(), target.encode(), kind and kind.encode(), ctypes.c_ulong(flags), None
    )
    _checked(result, f"mount {target}")


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
