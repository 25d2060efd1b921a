"""A gossiperld, and the peer programs that talk over it."""

import os
import pathlib
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
KEY = "a key for trying languages only"
# Longer than anything takes on a machine that is up, seconds.
LONG = 120.0


def peers(profile: str, wanted: list[str]) -> dict[str, pathlib.Path]:
    """The peer programs by name, `python`, `jvm-scala` …: Rust's, and the wanted languages' or all that were built."""
    found = {"rust": TARGET / profile / "examples/peer"}
    for program in sorted((TARGET / "bindings").glob("*/peer*")):
        if program.is_file() and os.access(program, os.X_OK):
            found[program.parent.name + program.name.removeprefix("peer")] = program
    languages = {name: name.split("-")[0] for name in found}
    for language in wanted:
        if language not in languages.values():
            sys.exit(f"there is no peer of {language}: run ci/bindings/{language} first")
    return {
        name: program
        for name, program in found.items()
        if not wanted or name == "rust" or languages[name] in wanted
    }


class Peer:
    """A running peer and the lines it writes."""

    def __init__(self, program: pathlib.Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"GOSSIPERL_KEY": KEY},
            text=True,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._input, self._output = self.process.stdin, self.process.stdout
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._output:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def write(self, text: str) -> None:
        """Writes to its standard input."""
        self._input.write(text)
        self._input.flush()

    def end(self) -> None:
        """Ends its standard input."""
        self._input.close()

    def line(self, until: float) -> str | None:
        """The next line; `None` where it has ended, or the time (of `time.monotonic`) is over."""
        try:
            return self._lines.get(timeout=max(until - time.monotonic(), 0.0))
        except queue.Empty:
            return None

    def left(self) -> int | None:
        """Its exit code; `None` where it does not end and is killed."""
        try:
            return self.process.wait(timeout=LONG)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self) -> None:
        """Ends it if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Daemon:
    """A gossiperld of its own folder, on a free port."""

    def __init__(self, profile: str) -> None:
        self._folder = tempfile.mkdtemp()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        config = pathlib.Path(self._folder, "gossiperl.toml")
        config.write_text(
            f'data_dir = "{self._folder}/data"\nrest = false\n[overlays.languages]\nip = "127.0.0.1"\n'
            f'port = {self.port}\nmember_name = "daemon"\nsymmetric_key = "{KEY}"\nracks = {{ default = [] }}\n'
        )
        config.chmod(0o600)
        program = TARGET / profile / "gossiperld"
        self._process = subprocess.Popen([program, "--config", config], stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "started" in line:
                break
        else:
            sys.exit("gossiperld did not start")
        threading.Thread(target=self._process.stderr.read, daemon=True).start()

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self._folder)
