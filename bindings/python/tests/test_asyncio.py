"""The client for asyncio, with a real daemon."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import gossiperl
from gossiperl import Client, Connected, Delivery, Disconnected, Event, MemberChanged, Subscribed, Unsubscribed

from .conftest import Daemon

LONG = 240.0


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs it, on an event loop of its own and in debug mode, within a time that nothing here takes."""
    asyncio.run(asyncio.wait_for(main, LONG), debug=True)


async def until(client: Client, wanted: Callable[[Event], bool]) -> list[Event]:
    """The events up to the first that is wanted."""
    seen: list[Event] = []
    async for event in client.events():
        seen.append(event)
        if wanted(event):
            return seen
    raise AssertionError(f"closed, after {seen}")


def is_delivery(event: Event) -> bool:
    return isinstance(event, Delivery)


def test_what_is_published_is_delivered(daemon: Daemon) -> None:
    async def main() -> None:
        async with Client(**daemon.options("shop")) as shop, Client(**daemon.options("billing")) as billing:
            await billing.subscribe("orders", "refunds")
            await shop.publish("orders", b"three apples")
            await shop.send("refunds", memoryview(b"one apple"))
            await shop.flush()
            events = await until(billing, lambda event: isinstance(event, Delivery) and event.type == "refunds")
        connected, subscribed, order, refund = events
        assert connected == Connected("host-1", resumed=False)
        assert subscribed == Subscribed(("orders", "refunds"))
        assert isinstance(order, Delivery) and isinstance(refund, Delivery)
        assert (order.type, order.payload) == ("orders", b"three apples")
        assert (refund.type, refund.payload) == ("refunds", b"one apple")
        assert order.id and refund.id and order.id != refund.id
        assert repr(order).startswith("Delivery(type='orders', payload=b'three apples', id=")

    run(main())


def test_a_client_tells_where_it_stands(daemon: Daemon) -> None:
    async def main() -> None:
        client = Client(**daemon.options("standing", overlay="main"))
        assert (client.name, client.overlay, client.state, client.daemon) == ("standing", "main", "closed", None)
        await client.connect()
        assert (client.state, client.daemon) == ("connected", "host-1")
        assert repr(client) == "<gossiperl._client.Client 'standing' of overlay 'main', connected>"
        await client.subscribe("b", "a")
        await client.subscribe("a")
        assert await client.subscriptions() == ["a", "b"]
        await client.unsubscribe("b", "never")
        assert await client.subscriptions() == ["a"]
        await client.drain()
        assert await client.subscriptions() == []
        await client.close()
        await client.close()
        assert client.state == "closed"
        names = [type(event).__name__ async for event in client.events()]
        assert names == ["Connected", "Subscribed", "Unsubscribed", "Unsubscribed"]

    run(main())


def test_members_are_told(daemon: Daemon) -> None:
    async def main() -> None:
        async with Client(**daemon.options("watcher")) as watcher:
            before = await watcher.watch_members()
            kinds = {member.name: (member.kind, member.state) for member in before}
            assert kinds["host-1"] == ("daemon", "reachable")
            assert kinds["watcher"] == ("client", "reachable")
            assert before[0].address is not None and before[0].heartbeat > 0
            async with Client(**daemon.options("guest")):
                pass

            def left(event: Event) -> bool:
                return isinstance(event, MemberChanged) and (event.change, event.member.name) == ("member_out", "guest")

            changes = [event for event in await until(watcher, left) if isinstance(event, MemberChanged)]
            assert [change.change for change in changes if change.member.name == "guest"] == ["member_in", "member_out"]
            assert "guest" not in [member.name for member in await watcher.members()]

    run(main())


@pytest.mark.parametrize("payload", [b"", b"\x00\xff\xfe", b"x" * 60_000])
def test_any_payload_passes(daemon: Daemon, payload: bytes) -> None:
    async def main() -> None:
        async with Client(**daemon.options("a")) as a, Client(**daemon.options("b")) as b:
            await b.subscribe("any")
            await a.publish("any", bytearray(payload))
            async for delivery in b.deliveries():
                assert delivery.payload == payload
                break

    run(main())


def test_names_hold_any_bytes(daemon: Daemon) -> None:
    name = b"\xff\xf0 gr\xc3\xb6\xc3\x9fe \xed\xb2\x80".decode("utf-8", "surrogateescape")

    async def main() -> None:
        async with Client(**daemon.options("names")) as client, Client(**daemon.options("other")) as other:
            await client.subscribe(name, "größe 🙂")
            assert await client.subscriptions() == ["größe 🙂", name]
            await other.publish(name, b"1")
            async for delivery in client.deliveries():
                assert delivery.type == name
                break
            with pytest.raises(gossiperl.ArgumentError, match="surrogate") as caught:
                await client.publish("\ud800", b"")
            assert isinstance(caught.value.__cause__, UnicodeEncodeError)

    run(main())


def test_publishes_keep_their_order_when_awaited_together(daemon: Daemon) -> None:
    async def main() -> None:
        async with Client(**daemon.options("in order")) as client, Client(**daemon.options("reader")) as reader:
            await reader.subscribe("n")
            await asyncio.gather(*(client.publish("n", b"%d" % n) for n in range(2_000)))
            read: list[int] = []
            async for delivery in reader.deliveries():
                read.append(int(delivery.payload))
                if len(read) == 2_000:
                    break
            assert read == list(range(2_000))

    run(main())


def test_a_wait_that_is_given_up_loses_nothing(daemon: Daemon) -> None:
    async def main() -> None:
        async with Client(**daemon.options("giver")) as giver, Client(**daemon.options("taker")) as taker:
            await taker.subscribe("n")
            read: list[int] = []

            async def take() -> None:
                async for delivery in taker.deliveries():
                    read.append(int(delivery.payload))

            async def give() -> None:
                for n in range(3_000):
                    await giver.send("n", b"%d" % n)
                    if n % 30 == 0:
                        await asyncio.sleep(0.001)
                await giver.flush()

            giving = asyncio.create_task(give())
            while len(read) < 3_000:
                taking = asyncio.create_task(take())
                await asyncio.sleep(0.002)
                taking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await taking
                for event in await taker.next_events(7, timeout=0.0005):
                    if isinstance(event, Delivery):
                        read.append(int(event.payload))
            await giving
            assert read == list(range(3_000))

    run(main())


def test_a_publish_that_is_given_up_breaks_nothing(own_daemon: Daemon) -> None:
    async def main() -> None:
        own_daemon.kill()
        client = gossiperl.start(**own_daemon.options("given up"))
        for _ in range(100):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.subscribe("late"), 0.001)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.publish("late", b"?"), 0.001)
        own_daemon.start()
        await client.subscribe("after")
        await client.publish("after", b"it works")
        async with Client(**own_daemon.options("other")) as other:
            await other.publish("after", b"it works")
        async for delivery in client.deliveries():
            assert (delivery.type, delivery.payload) == ("after", b"it works")
            break
        await client.close()

    run(main())


def test_breaking_off_loses_nothing(daemon: Daemon) -> None:
    async def main() -> None:
        async with Client(**daemon.options("breaking")) as client, Client(**daemon.options("whole")) as other:
            await client.subscribe("n")
            await asyncio.gather(*(other.publish("n", b"%d" % n) for n in range(50)))
            read: list[int] = []
            while len(read) < 50:
                async for delivery in client.deliveries():
                    read.append(int(delivery.payload))
                    if len(read) % 3 == 0:
                        break
                else:
                    raise AssertionError("closed")
                if len(read) == 48:
                    read += [int(event.payload) for event in await client.next_events(2) if isinstance(event, Delivery)]
            assert read == list(range(50))

    run(main())


def test_a_reader_that_finds_much_lets_others_run(daemon: Daemon) -> None:
    async def main() -> None:
        async with Client(**daemon.options("busy")) as client, Client(**daemon.options("feeder")) as feeder:
            await client.subscribe("n")
            for _ in range(10_000):
                await feeder.send("n", b"")
            await feeder.flush()
            turns = 0

            async def other() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            turning = asyncio.create_task(other())
            count = 0
            async for _ in client.deliveries():
                count += 1
                if count == 10_000:
                    break
            turning.cancel()
            assert turns >= 5

    run(main())


def test_events_end_when_the_client_is_closed(daemon: Daemon) -> None:
    async def main() -> None:
        client = await gossiperl.connect(**daemon.options("ending"))
        reading = asyncio.create_task(until(client, is_delivery))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(AssertionError, match="closed, after"):
            await reading
        with pytest.raises(gossiperl.ClosedError, match="everything has been read"):
            await client.next_events()
        with pytest.raises(gossiperl.ClosedError, match="make a new one"):
            await client.publish("n", b"")
        with pytest.raises(gossiperl.ClosedError, match="make a new one"):
            await client.connect()

    run(main())


def test_one_client_serves_several_loops_in_several_threads(daemon: Daemon) -> None:
    with warnings.catch_warnings():
        client = asyncio.run(gossiperl.connect(**daemon.options("many loops")))
    failed: list[BaseException] = []
    read: list[bytes] = []

    async def work(number: int) -> None:
        await client.subscribe(f"type {number}")
        await asyncio.gather(*(client.publish("n", b"%d" % n) for n in range(200)))
        assert "many loops" in [member.name for member in await client.members()]

    def thread(number: int) -> None:
        try:
            for _ in range(5):
                asyncio.run(asyncio.wait_for(work(number), LONG))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=thread, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failed

    async def rest() -> None:
        assert await client.subscriptions() == [f"type {number}" for number in range(4)]
        async with Client(**daemon.options("outside")) as other:
            await other.publish("type 3", b"end")
        async for delivery in client.deliveries():
            read.append(delivery.payload)
            break
        await client.close()

    asyncio.run(rest())
    assert read == [b"end"]


def test_readers_in_several_threads_share_the_events(daemon: Daemon) -> None:
    client = asyncio.run(gossiperl.connect(**daemon.options("shared")))
    asyncio.run(client.subscribe("n"))
    read: list[list[int]] = [[] for _ in range(3)]

    async def reader(own: list[int]) -> None:
        async for delivery in client.deliveries():
            own.append(int(delivery.payload))

    threads = [threading.Thread(target=asyncio.run, args=(reader(own),)) for own in read]
    for each in threads:
        each.start()

    async def give() -> None:
        async with Client(**daemon.options("sharer")) as giver:
            await giver.send_all("n", (b"%d" % n for n in range(5_000)))
            with pytest.raises(gossiperl.ArgumentError):
                await giver.send_all("others", [b"", bytes(60_001)])
        while sum(map(len, read)) < 5_000:
            await asyncio.sleep(0.01)
        await client.close()

    asyncio.run(asyncio.wait_for(give(), LONG))
    for each in threads:
        each.join()
    assert sorted(read[0] + read[1] + read[2]) == list(range(5_000))


def test_the_daemon_going_away_and_coming_back_is_two_events(own_daemon: Daemon) -> None:
    async def main() -> None:
        async with Client(**own_daemon.options("stayer")) as client, Client(**own_daemon.options("other")) as other:
            await client.subscribe("orders")
            await until(client, lambda event: isinstance(event, Subscribed))
            own_daemon.kill()
            gone = await until(client, lambda event: isinstance(event, Disconnected))
            assert len(gone) == 1 and client.state == "connecting" and client.daemon is None
            own_daemon.start()
            back = await until(client, lambda event: isinstance(event, Subscribed))
            assert back == [Connected("host-1", resumed=False), Subscribed(("orders",))]
            # Only now: the daemon that came back knows of nobody who has not come back to it.
            await other.publish("orders", b"after it was away")
            assert [type(event) for event in await until(client, is_delivery)] == [Delivery]
            assert await client.subscriptions() == ["orders"]

    run(main())


def test_unsubscribed_is_told(daemon: Daemon) -> None:
    async def main() -> None:
        async with Client(**daemon.options("fickle")) as client:
            await client.subscribe("a", "b")
            await client.unsubscribe("a")
            events = await until(client, lambda event: isinstance(event, Unsubscribed))
            assert events[1:] == [Subscribed(("a", "b")), Unsubscribed(("a",))]

    run(main())


def test_an_unclosed_client_is_warned_of_and_leaves(daemon: Daemon) -> None:
    async def main() -> None:
        client = await gossiperl.connect(**daemon.options("unclosed"))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(until(client, is_delivery), 0.01)
        with pytest.warns(ResourceWarning, match="unclosed client 'unclosed'"):
            del client
            gc.collect()
        async with Client(**daemon.options("watcher")) as watcher:
            while "unclosed" in [member.name for member in await watcher.members()]:
                await asyncio.sleep(0.01)

    run(main())


def test_an_exception_in_the_loop_over_events_is_the_callers(daemon: Daemon) -> None:
    async def main() -> None:
        async with Client(**daemon.options("raising")) as client, Client(**daemon.options("fine")) as other:
            await client.subscribe("n")
            await other.publish("n", b"1")
            await other.publish("n", b"2")
            with pytest.raises(ZeroDivisionError):
                async for _ in client.deliveries():
                    _ = 1 / 0
            async for delivery in client.deliveries():
                assert delivery.payload == b"2"
                break

    run(main())
