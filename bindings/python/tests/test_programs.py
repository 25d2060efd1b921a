"""The programs: the README's, the examples, and `peer`, as their users run them."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

import pytest

from .conftest import KEY, Daemon

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = Path(os.environ["EXAMPLES"])
PEER = os.environ["PEER"]


class Program:
    """A program that runs, told by its standard input and read line by line."""

    def __init__(self, command: list[str]) -> None:
        environment = {**os.environ, "GOSSIPERL_KEY": KEY}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self._lines: queue.Queue[Optional[str]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def next(self) -> Optional[str]:
        """The next line; none at the end."""
        return self._lines.get(timeout=60)

    def until(self, wanted: str) -> list[str]:
        """The lines before the wanted one."""
        seen: list[str] = []
        while True:
            line = self.next()
            if line is None:
                raise AssertionError(f"no {wanted!r} but {seen}")
            if line == wanted:
                return seen
            seen.append(line)

    def end(self) -> int:
        """Ends its input, waits for its end, and gives its code."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        code = self._process.wait(timeout=60)
        return code

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for each in (self._process.stdin, self._process.stdout):
            if each is not None:
                each.close()


@contextmanager
def running(*command: str) -> Generator[Program, None, None]:
    program = Program(list(command))
    try:
        yield program
    finally:
        program.close()


def test_the_readmes_programs_run(daemon: Daemon) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 3
    environment = {**os.environ, "GOSSIPERL_KEY": KEY, "GOSSIPERL_PORT": str(daemon.port)}
    ended = [
        subprocess.run([sys.executable, "-W", "error", "-c", block], env=environment, capture_output=True, text=True, timeout=60)
        for block in blocks
    ]
    assert [(each.returncode, each.stderr) for each in ended] == [(0, "")] * 3
    assert ended[0].stdout == "orders b'three apples'\n"
    assert "'host-1'" in ended[1].stdout and "'meter'" in ended[1].stdout


def test_the_chat_passes_lines_and_tells_who_comes_and_goes(daemon: Daemon) -> None:
    chat = [sys.executable, str(EXAMPLES / "chat.py"), str(daemon.port)]
    with running(*chat, "ann") as ann:
        ann.until("* ann is here")
        with running(*chat, "bob") as bob:
            bob.until("* bob is here")
            ann.until("* bob is here")
            bob.tell("hello, größe 🙂")
            ann.until("<bob> hello, größe 🙂")
            ann.tell("hello too")
            assert not [line for line in bob.until("<ann> hello too") if line.startswith("<")]
            assert bob.end() == 0
        ann.until("* bob has left")
        assert ann.end() == 0


def test_presence_tells_which_instances_are_there(daemon: Daemon) -> None:
    presence = [sys.executable, str(EXAMPLES / "presence.py"), str(daemon.port)]
    with running(*presence, "watch", "billing") as watch:
        watch.until("billing: none")
        with running(*presence, "serve", "billing", "10.0.0.1:80") as one:
            watch.until("billing: 10.0.0.1:80")
            with running(*presence, "serve", "billing", "10.0.0.2:80") as other:
                watch.until("billing: 10.0.0.1:80, 10.0.0.2:80")
                assert one.end() == 0
                watch.until("billing: 10.0.0.2:80")
                assert other.end() == 0
                watch.until("billing: none")


MESSAGES = [
    "bytes 6f7264657273 746872656520",
    "bytes 6f7264657273 -",
    "bytes ff00fe ff",
    "digest 6469676573742e78 -",
    "digest 6469676573742e78 -32768:bool:true,-1:bool:false,0:byte:-128,1:i16:-32768,2:i32:-2147483648,"
    "3:i64:-9223372036854775808,4:i64:9223372036854775807,5:double:7ff8000000000001,6:double:fff0000000000000,"
    "7:double:8000000000000000,8:string:-,9:string:ff00,32767:string:67c3b6",
]


def test_peers_understand_each_other(daemon: Daemon) -> None:
    port = str(daemon.port)
    with running(PEER, "receive", port, "receiver") as receiver, running(PEER, "publish", port, "publisher") as publisher:
        receiver.tell("6f7264657273,ff00fe,6469676573742e78")
        receiver.until("ready")
        for message in MESSAGES:
            publisher.tell(message)
        assert publisher.end() == 0
        assert publisher.until(f"done {len(MESSAGES)}") == []
        assert [receiver.next() for _ in MESSAGES] == MESSAGES
        assert receiver.end() == 0


def test_peers_measure(daemon: Daemon) -> None:
    port = str(daemon.port)
    with running(PEER, "bench-receive", port, "receiver", "5000") as receiver:
        receiver.until("ready")
        with running(PEER, "bench-publish", port, "publisher", "5000", "100") as publisher:
            for each in (publisher, receiver):
                line = each.next()
                assert line is not None and re.fullmatch(r'\{"messages": 5000, "seconds": [0-9.e-]+\}', line), line
                assert each.end() == 0


@pytest.mark.parametrize("arguments", [["publish"], ["sing", "1", "n"], ["publish", "0", "n"]])
def test_a_peer_says_what_is_wrong_in_one_line(arguments: list[str]) -> None:
    environment = {**os.environ, "GOSSIPERL_KEY": KEY}
    ended = subprocess.run([PEER, *arguments], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0 and ended.stderr.count("\n") == 1, ended.stderr
