"""The client for threads, with a real daemon."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

import gossiperl
from gossiperl import Connected, Delivery, Disconnected, Event, MemberChanged, Subscribed, blocking

from .conftest import Daemon


def test_what_is_published_is_delivered(daemon: Daemon) -> None:
    with blocking.Client(**daemon.options("shop")) as shop, blocking.Client(**daemon.options("billing")) as billing:
        billing.subscribe("orders")
        assert billing.subscriptions() == ["orders"]
        shop.publish("orders", b"three apples")
        shop.send("orders", {1: "one apple"})
        shop.try_send("orders", b"none")
        shop.send_all("orders", [b"many", bytearray(b"more"), {7: True}])
        shop.send_all("orders", [])
        shop.flush()
        read: list[Delivery] = []
        for delivery in billing.deliveries():
            read.append(delivery)
            if len(read) == 6:
                break
        assert [read[0].payload, read[1].digest().text(1), read[2].payload] == [b"three apples", "one apple", b"none"]
        assert [read[3].payload, read[4].payload, read[5].digest()[7]] == [b"many", b"more", True]
        billing.unsubscribe("orders")
        billing.drain()
        assert repr(shop) == "<gossiperl.blocking.Client 'shop', connected>"
    assert shop.state == "closed"


def test_events_are_those_of_asyncio(daemon: Daemon) -> None:
    with blocking.connect(**daemon.options("watcher")) as client:
        assert "host-1" in [member.name for member in client.watch_members()]
        client.subscribe("n")
        with blocking.connect(**daemon.options("guest")):
            pass
        events: list[Event] = []
        while not any(isinstance(event, MemberChanged) and event.change == "member_out" for event in events):
            events += client.next_events(timeout=5)
        assert Connected("host-1", resumed=False) in events and Subscribed(("n",)) in events
        assert client.next_events(timeout=0) == [] and client.next_event(timeout=0.01) is None
        assert "guest" not in [member.name for member in client.members()]
    with pytest.raises(gossiperl.ClosedError):
        client.next_event()
    assert list(client.events()) == []


def test_waiting_lets_other_threads_run(daemon: Daemon) -> None:
    with blocking.connect(**daemon.options("waiting")) as client, blocking.connect(**daemon.options("other")) as other:
        client.subscribe("n")
        read: list[bytes] = []

        def reader() -> None:
            for delivery in client.deliveries():
                read.append(delivery.payload)

        threads = [threading.Thread(target=reader) for _ in range(3)]
        for each in threads:
            each.start()
        for n in range(1_000):
            other.send("n", b"%d" % n)
        other.flush()
        while len(read) < 1_000:
            time.sleep(0.001)
        client.close()
        for each in threads:
            each.join()
        assert sorted(map(int, read)) == list(range(1_000))


@pytest.mark.parametrize("waiting", ["event", "publish"])
def test_a_signal_ends_the_waiting(own_daemon: Daemon, waiting: str) -> None:
    client = blocking.connect(**own_daemon.options("interrupted"))
    if waiting == "publish":
        own_daemon.kill()
        while client.state != "connecting":
            time.sleep(0.01)
    # Where tests run in the background, interrupts are ignored from the start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        if waiting == "publish":
            client.publish("n", b"")
        for _ in client.deliveries():
            pass
    timer.join()
    client.close()


def test_the_daemon_going_away_and_coming_back_is_two_events(own_daemon: Daemon) -> None:
    with blocking.connect(**own_daemon.options("stayer")) as client:
        client.subscribe("orders")
        assert [type(client.next_event()) for _ in range(2)] == [Connected, Subscribed]
        own_daemon.kill()
        assert isinstance(client.next_event(), Disconnected)
        own_daemon.start()
        assert [type(client.next_event()) for _ in range(2)] == [Connected, Subscribed]
        with blocking.connect(**own_daemon.options("other")) as other:
            other.publish("orders", b"")
        assert isinstance(client.next_event(), Delivery)


def test_start_does_not_wait_for_the_daemon(own_daemon: Daemon) -> None:
    own_daemon.kill()
    with blocking.start(**own_daemon.options("early")) as client:
        states = [client.state]
        own_daemon.start()
        client.publish("n", b"")
        states.append(client.state)
        assert states == ["connecting", "connected"]


def test_a_reader_that_is_too_slow_loses_what_it_chose_to(daemon: Daemon) -> None:
    options = daemon.options("slow", slow_policy="drop_oldest", delivery_buffer=10)
    with blocking.connect(**options) as slow, blocking.connect(**daemon.options("fast")) as fast:
        slow.subscribe("n")
        for n in range(5_000):
            fast.send("n", b"%d" % n)
        fast.flush()
        last = None
        while last is None or last.payload != b"4999":
            last = next(slow.deliveries())
