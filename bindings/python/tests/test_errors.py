"""What is refused, and how."""

from __future__ import annotations

import asyncio
import builtins
import socket
from typing import Any

import pytest

import gossiperl
from gossiperl import Client, blocking

from .conftest import KEY, Daemon

GOOD: Any = {"port": 1, "name": "n", "key": "k"}


def but(option: str, value: object) -> Any:
    """Options that are good but for one."""
    return {**GOOD, option: value}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("port", 0),
        ("port", 65_536),
        ("port", 1 << 70),
        ("port", "6666"),
        ("port", True),
        ("name", ""),
        ("name", "x" * 256),
        ("name", 5),
        ("name", "\ud800"),
        ("key", ""),
        ("key", 5),
        ("key", None),
        ("secret", "x" * 256),
        ("secret", 1.5),
        ("additional_keys", "not a list"),
        ("additional_keys", 5),
        ("additional_keys", [5]),
        ("additional_keys", [b""]),
        ("additional_keys", ["k"] * 8),
        ("protocol", 3),
        ("address", "8.8.8.8"),
        ("address", "localhost"),
        ("address", 5),
        ("connect_timeout", 0),
        ("connect_timeout", float("nan")),
        ("connect_timeout", "1"),
        ("connect_timeout", 10**400),
        ("close_timeout", -1),
        ("close_timeout", 1e9),
        ("publish_window", 0),
        ("publish_window_bytes", 1 << 40),
        ("delivery_buffer", 0),
        ("delivery_buffer", 1.5),
        ("delivery_buffer_bytes", -5),
        ("slow_policy", "sometimes"),
        ("overlay", 5),
    ],
)
def test_a_wrong_option_is_named(option: str, value: object) -> None:
    with pytest.raises(gossiperl.OptionError, match=option) as caught:
        blocking.start(**but(option, value))
    error = caught.value
    assert (error.kind, error.option, error.code) == ("option", option, None)
    assert isinstance(error, ValueError) and str(error) == error.message
    if value.__class__ is str and option in ("port", "connect_timeout"):
        assert isinstance(error.__cause__, TypeError)


def test_the_same_options_are_refused_in_asyncio() -> None:
    with pytest.raises(gossiperl.OptionError, match="port is 0"):
        asyncio.run(gossiperl.connect(**but("port", 0)))


def test_a_secret_is_never_shown() -> None:
    for option in ("key", "secret"):
        with pytest.raises(gossiperl.OptionError) as caught:
            Client(**but(option, ["hush"]))
        assert "hush" not in str(caught.value) and "hush" not in repr(caught.value.__cause__)
    assert "hush" not in repr(Client(port=1, name="n", key="hush", secret="hush"))


@pytest.mark.parametrize("make", [Client, blocking.Client, blocking.start, blocking.connect])
def test_an_unknown_option_is_refused(make: Any) -> None:
    with pytest.raises(TypeError, match="prot"):
        make(**GOOD, prot=1)
    with pytest.raises(TypeError, match="key"):
        make(port=1, name="n")


def test_nobody_there_is_unreachable() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(gossiperl.UnreachableError) as caught:
        blocking.connect(port=port, name="n", key=KEY, connect_timeout=0.3)
    assert isinstance(caught.value, ConnectionError) and str(port) in str(caught.value)


def test_no_answer_is_a_timeout(daemon: Daemon) -> None:
    options = daemon.options("n", connect_timeout=0.3)
    options["key"] = "another"
    with pytest.raises(gossiperl.TimeoutError) as caught:
        asyncio.run(gossiperl.connect(**options))
    assert isinstance(caught.value, builtins.TimeoutError) and isinstance(caught.value, asyncio.TimeoutError)
    with pytest.raises(gossiperl.TimeoutError):
        blocking.connect(**options)


def test_a_wrong_secret_is_refused(daemon: Daemon) -> None:
    with blocking.connect(**daemon.options("mine", secret="one")):
        with pytest.raises(gossiperl.RefusedError) as caught:
            blocking.connect(**daemon.options("mine", secret="other"))
    assert isinstance(caught.value.code, int) and caught.value.kind == "refused"


def test_wrong_arguments_are_refused(daemon: Daemon) -> None:
    with blocking.connect(**daemon.options("arguments")) as client:
        for event_type in ("", "x" * 256, "member_in"):
            with pytest.raises(gossiperl.ArgumentError):
                client.publish(event_type, b"")
            with pytest.raises(gossiperl.ArgumentError):
                client.subscribe("fine", event_type)
        with pytest.raises(gossiperl.ArgumentError):
            client.subscribe()
        with pytest.raises(gossiperl.ArgumentError, match="60001"):
            client.publish("n", b"x" * 60_001)
        for message in ("text", 5, None, ["list"]):
            with pytest.raises(TypeError):
                client.publish("n", message)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            client.subscribe(b"bytes")  # type: ignore[arg-type]
        with pytest.raises(ValueError):
            client.next_events(0)
        with pytest.raises(gossiperl.OptionError):
            client.add_key("")
        client.add_key("another")
        assert client.subscriptions() == []


def test_no_room_is_busy(own_daemon: Daemon) -> None:
    own_daemon.kill()
    with blocking.start(**own_daemon.options("full", publish_window=2, close_timeout=0)) as client:
        client.try_send("n", b"")
        client.try_send("n", b"")
        with pytest.raises(gossiperl.BusyError):
            client.try_send("n", b"")


def test_a_client_that_is_closed_or_not_started_says_so(daemon: Daemon) -> None:
    client = blocking.Client(**daemon.options("unstarted"))
    with pytest.raises(gossiperl.ClosedError, match="not started"):
        client.publish("n", b"")
    with pytest.raises(gossiperl.ClosedError, match="not started"):
        client.next_events()
    client.close()
    client.connect()
    client.close()
    assert [type(event).__name__ for event in client.events()] == ["Connected"]
    for call in (client.members, client.watch_members, client.next_events, lambda: client.publish("n", b"")):
        with pytest.raises(gossiperl.ClosedError) as caught:
            call()
        assert isinstance(caught.value, RuntimeError)


def test_every_error_is_one_of_ours_with_its_kind() -> None:
    classes = {each.kind: each for each in gossiperl.GossiperlError.__subclasses__()}
    assert sorted(classes) == sorted(
        "option argument unreachable timeout refused busy not_acknowledged closed forked system".split()
    )
    for each in classes.values():
        assert getattr(gossiperl, each.__name__) is each
        assert str(each("what happened")) == "what happened"
