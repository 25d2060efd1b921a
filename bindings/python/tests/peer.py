"""The program that every language has, in Python: `bindings/interop/README.md` says what it does."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import time
from collections.abc import AsyncIterator
from itertools import repeat

from gossiperl import I8, I16, I32, I64, Client, Delivery, Digest, String, Value


def hexadecimal(data: bytes) -> str:
    return data.hex() or "-"


def data_of(text: str) -> bytes:
    return b"" if text == "-" else bytes.fromhex(text)


def type_of(text: str) -> str:
    return data_of(text).decode("utf-8", "surrogateescape")


def value_of(kind: str, text: str) -> Value:
    if kind == "bool":
        return {"true": True, "false": False}[text]
    if kind == "string":
        return String(data_of(text))
    if kind == "double":
        return Digest({0: struct.unpack(">d", bytes.fromhex(text))[0]})[0]
    integers: dict[str, type[I8] | type[I16] | type[I32] | type[I64]]
    integers = {"byte": I8, "i16": I16, "i32": I32, "i64": I64}
    return integers[kind](int(text))


def text_of(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return hexadecimal(value)
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    return str(value)


def message_of(line: str) -> tuple[str, bytes | Digest]:
    form, event_type, content = line.split(" ")
    if form == "bytes":
        return type_of(event_type), data_of(content)
    if form != "digest":
        raise ValueError(f"{line!r} is neither bytes nor digest")
    fields = [field.split(":") for field in content.split(",")] if content != "-" else []
    return type_of(event_type), Digest({int(id): value_of(kind, text) for id, kind, text in fields})


def line_of(delivery: Delivery) -> str:
    name = delivery.type.encode("utf-8", "surrogateescape")
    if not name.startswith(b"digest."):
        return f"bytes {hexadecimal(name)} {hexadecimal(delivery.payload)}"
    digest = delivery.digest()
    fields = ",".join(f"{id}:{digest.kind(id)}:{text_of(value)}" for id, value in digest.items())
    return f"digest {hexadecimal(name)} {fields or '-'}"


def say(line: str) -> None:
    print(line, flush=True)


async def lines() -> AsyncIterator[str]:
    """Of standard input, which may be a file or a pipe."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        yield line.rstrip("\n")


async def publish(client: Client) -> None:
    count = 0
    async for line in lines():
        event_type, message = message_of(line)
        await client.publish(event_type, message)
        count += 1
    say(f"done {count}")


async def receive(client: Client) -> None:
    async def read() -> None:
        async for delivery in client.deliveries():
            say(line_of(delivery))

    reading = None
    async for line in lines():
        if reading is None:
            await client.subscribe(*(type_of(text) for text in line.split(",")))
            say("ready")
            reading = asyncio.create_task(read())
    if reading is not None and not reading.cancel():
        # It ended by itself: with an error.
        await reading


async def bench_publish(client: Client, count: int, size: int) -> None:
    payload = b"." * size
    start = time.perf_counter()
    await client.send_all("bench", repeat(payload, count))
    await client.flush()
    say(json.dumps({"messages": count, "seconds": time.perf_counter() - start}))


async def bench_receive(client: Client, count: int) -> None:
    await client.subscribe("bench")
    say("ready")
    taken = 0
    first = None
    while taken < count:
        taken += sum(1 for event in await client.next_events(4096) if isinstance(event, Delivery))
        if first is None and taken:
            first = time.perf_counter()
    say(json.dumps({"messages": count, "seconds": time.perf_counter() - (first or 0.0)}))


async def main(what: str, port: str, name: str, *more: str) -> None:
    async with Client(port=int(port), name=name, key=os.environ["GOSSIPERL_KEY"]) as client:
        if what == "publish":
            await publish(client)
        elif what == "receive":
            await receive(client)
        elif what == "bench-publish":
            await bench_publish(client, *map(int, more))
        elif what == "bench-receive":
            await bench_receive(client, *map(int, more))
        else:
            raise ValueError(f"{what!r} is none of publish, receive, bench-publish, bench-receive")


try:
    asyncio.run(main(*sys.argv[1:]))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
