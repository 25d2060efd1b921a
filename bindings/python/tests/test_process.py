"""Forks, exits and cycles: what a client leaves behind in its process."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import gossiperl
from gossiperl import Client, blocking

from .conftest import KEY, Daemon

# Python warns of forking where there are threads, which is what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def child(what: Callable[[], None]) -> None:
    """Runs it in a child process, which ends as Python ends."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            what()
            gc.collect()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_child_process_is_refused_its_parents_client_and_makes_its_own(daemon: Daemon) -> None:
    with blocking.connect(**daemon.options("parent")) as client:
        client.subscribe("n")
        held = [client]

        def forked() -> None:
            for call in (client.flush, client.members, client.next_events, lambda: client.publish("n", b"")):
                with pytest.raises(gossiperl.ForkedError, match="parent process"):
                    call()
            with pytest.raises(gossiperl.ForkedError):
                client.state
            assert "inherited" in repr(client)
            with client:
                pass

            async def own() -> None:
                async with Client(**daemon.options("child")) as mine:
                    await mine.publish("n", b"from the child")

            asyncio.run(own())
            held.clear()

        child(forked)
        assert next(client.deliveries()).payload == b"from the child"


def test_a_fork_in_a_coroutine_is_refused_clearly(daemon: Daemon) -> None:
    async def main() -> None:
        async with Client(**daemon.options("parent")) as client:
            waiting = asyncio.create_task(client.next_events())
            await asyncio.sleep(0)
            await asyncio.sleep(0)

            def forked() -> None:
                for call in (client.flush, client.close, client.next_event):
                    coroutine = call()
                    # There is no running loop in the child, and the client is the parent's.
                    with pytest.raises((gossiperl.ForkedError, RuntimeError)):
                        coroutine.send(None)
                with blocking.connect(**daemon.options("child")) as mine:
                    mine.publish("n", b"")

            child(forked)
            await client.flush()
            await waiting

    asyncio.run(main())


FORKING = """
import os, sys
from gossiperl import blocking
options = {"port": int(sys.argv[1]), "key": sys.argv[2]}
client = blocking.connect(name="parent", **options)
client.subscribe("n")
pid = os.fork()
if pid == 0:
    mine = blocking.connect(name="child", **options)
    mine.publish("n", b"1")
    mine.close()
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert next(client.deliveries()).payload == b"1"
client.close()
"""

OPEN_IN_THREADS = """
import sys, threading
from gossiperl import blocking
client = blocking.connect(port=int(sys.argv[1]), key=sys.argv[2], name="left open")
client.subscribe("n")
threading.Thread(target=lambda: list(client.events()), daemon=True).start()
client.send("n", b"")
"""

OPEN_IN_ASYNCIO = """
import asyncio, sys
from gossiperl import Client
async def main():
    global client
    client = Client(port=int(sys.argv[1]), key=sys.argv[2], name="left open")
    await client.connect()
    global task
    task = asyncio.ensure_future(client.next_events())
    await client.next_event()
asyncio.run(main())
"""


@pytest.mark.parametrize("program", [FORKING, OPEN_IN_THREADS, OPEN_IN_ASYNCIO])
def test_a_process_ends_cleanly_with_a_client_open(daemon: Daemon, program: str) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, str(daemon.port), KEY]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def used() -> tuple[int, int, int]:
    """Memory in KiB, threads, and open files of this process."""
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]), int(status["Threads"]), len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("face", ["asyncio", "asyncio.run each", "blocking", "dropped"])
def test_cycles_of_connecting_and_closing_leave_nothing(daemon: Daemon, face: str) -> None:
    async def cycle(n: int) -> None:
        async with Client(**daemon.options(f"cycle {n % 10}")) as client:
            await client.subscribe("n")
            await client.publish("n", b"x")
            await client.next_events()

    async def cycles(count: int) -> None:
        for n in range(count):
            await cycle(n)

    def blocking_cycle(n: int) -> None:
        with blocking.connect(**daemon.options(f"cycle {n % 10}")) as client:
            client.subscribe("n")
            client.publish("n", b"x")
            client.next_events()

    def dropped(n: int) -> None:
        client = blocking.connect(**daemon.options(f"dropped {n}"))
        client.next_events()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del client

    def turn(count: int) -> None:
        if face == "asyncio":
            asyncio.run(cycles(count))
        for n in range(count):
            if face == "asyncio.run each":
                asyncio.run(cycle(n))
            elif face == "blocking":
                blocking_cycle(n)
            elif face == "dropped":
                dropped(n)

    turn(200)
    memory, threads, files = used()
    turn(1_000)
    after = used()
    for _ in range(500):
        # A client that was dropped ends in the background.
        if after[2] <= files:
            break
        threading.Event().wait(0.01)
        after = used()
    assert after[1] == threads and after[2] <= files, (memory, threads, files, after)
    assert after[0] - memory < 8_192, f"{after[0] - memory} KiB more after 1,000 cycles"
