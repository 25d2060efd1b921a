"""A daemon for the tests: `gossiperld`, whose path is in the environment variable GOSSIPERLD."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import pytest

KEY = "the key of these tests"


class Daemon:
    """A daemon with one overlay at 127.0.0.1, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._config = folder / "gossiperl.toml"
        self._config.touch(mode=0o600)
        self._config.write_text(
            f'data_dir = "{folder / "data"}"\nrest = false\n'
            f'[overlays.main]\nip = "127.0.0.1"\nport = {self.port}\nsymmetric_key = "{KEY}"\n'
            'racks = { default = [] }\nmember_name = "host-1"\n'
        )
        self._process: Optional[subprocess.Popen[str]] = None
        self.start()

    def start(self) -> None:
        command = [os.environ["GOSSIPERLD"], "--config", str(self._config)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        log = self._process.stderr
        assert log is not None
        told: list[str] = []
        for line in log:
            told.append(line)
            if "started" in line:
                break
        else:
            raise AssertionError("the daemon does not start: " + "".join(told))
        self._rest = threading.Thread(target=log.read)
        self._rest.start()

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self._rest.join()
            assert process.stderr is not None
            process.stderr.close()

    def options(self, name: str, **more: Any) -> Any:
        """Options of a client of this name, which has time to connect however busy the machine is."""
        return {"port": self.port, "name": name, "key": KEY, "connect_timeout": 120, **more}


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    """One daemon for all tests that leave it as it is."""
    with tempfile.TemporaryDirectory() as folder:
        started = Daemon(Path(folder))
        yield started
        started.kill()


@pytest.fixture
def own_daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that a test may kill."""
    started = Daemon(tmp_path)
    yield started
    started.kill()
