"""Digests of typed fields."""

from __future__ import annotations

import asyncio
import math
import pickle
import struct

import pytest

import gossiperl
from gossiperl import I8, I16, I32, I64, Client, Delivery, Digest, Double, Fields, String

from .conftest import Daemon

EVERY: Fields = {
    -32768: True,
    0: False,
    1: I8(-128),
    2: I8(127),
    3: I16(-(1 << 15)),
    4: I32((1 << 31) - 1),
    5: I64(-(1 << 63)),
    6: (1 << 63) - 1,
    7: 0.1,
    8: -0.0,
    9: math.inf,
    10: -math.inf,
    11: "größe 🙂",
    12: b"\x00\xff",
    13: "",
    32767: Double(5),
}


def test_every_kind_passes_the_daemon(daemon: Daemon) -> None:
    async def main() -> None:
        async with Client(**daemon.options("a")) as a, Client(**daemon.options("b")) as b:
            await b.subscribe("reading")
            await a.publish("reading", EVERY)
            await a.publish("reading", Digest(EVERY))
            read: list[Digest] = []
            async for delivery in b.deliveries():
                read.append(delivery.digest())
                if len(read) == 2:
                    break
            assert read[0] == read[1] == Digest(EVERY)
            is_exact(read[0])

    asyncio.run(main())


def is_exact(digest: Digest) -> None:
    assert list(digest) == sorted(EVERY)
    assert {id: value for id, value in digest.items() if not isinstance(value, String)} == {
        id: value for id, value in EVERY.items() if not isinstance(value, (str, bytes))
    }
    assert (digest[11], digest[12], digest[13]) == ("größe 🙂".encode(), b"\x00\xff", b"")
    kinds = [digest.kind(id) for id in (0, 1, 3, 4, 5, 6, 7, 11, 12, 32767)]
    assert kinds == ["bool", "byte", "i16", "i32", "i64", "i64", "double", "string", "string", "double"]
    zero = digest[8]
    assert isinstance(zero, Double) and math.copysign(1, zero) == -1


@pytest.mark.parametrize("bits", [0x7FF8000000000000, 0xFFF8000000000001, 0x7FF0000000000001])
def test_a_nan_keeps_its_bits(bits: int) -> None:
    (nan,) = struct.unpack(">d", bits.to_bytes(8, "big"))
    value = Digest.decode(Digest({1: nan}).encode())[1]
    assert isinstance(value, Double) and math.isnan(value)
    assert struct.pack(">d", value) == struct.pack(">d", nan)


def test_what_is_read_is_written_the_same() -> None:
    digest = Digest(EVERY)
    assert Digest(digest).encode() == Digest(dict(digest)).encode() == digest.encode()
    assert Digest.decode(digest.encode()) == digest
    assert Digest() == {} and Digest({}).encode() == b"\x00"


def test_values_are_plain_and_know_their_kind() -> None:
    digest = Digest({1: "door 7", 2: True, 3: I16(21), 4: 1.5, 5: b"\xff"})
    assert repr(digest) == "Digest({1: String(b'door 7'), 2: True, 3: I16(21), 4: Double(1.5), 5: String(b'\\xff')})"
    assert (digest.text(1), digest.text(5)) == ("door 7", "\udcff")
    assert (str(I16(21)), f"{I32(5)}", str(Double(1.5)), I8(1) + 1) == ("21", "5", "1.5", 2)
    assert String("\udcff") == b"\xff" and String(b"a").text() == "a"
    with pytest.raises(KeyError):
        digest.text(9)
    with pytest.raises(TypeError, match="field 2 of the digest is of kind bool, not string"):
        digest.text(2)
    for value in (I8(1), Double(1), String("a")):
        assert type(pickle.loads(pickle.dumps(value))) is type(value)


def test_what_a_kind_does_not_hold_is_refused() -> None:
    with pytest.raises(gossiperl.ArgumentError, match="128 does not fit into I8"):
        I8(128)
    with pytest.raises(gossiperl.ArgumentError, match="9223372036854775808 in field 1") as caught:
        Digest({1: 1 << 63})
    assert isinstance(caught.value, ValueError) and isinstance(caught.value.__cause__, OverflowError)
    with pytest.raises(gossiperl.ArgumentError, match="field id 32768"):
        Digest({32768: 1})
    with pytest.raises(TypeError, match="ids of a digest's fields are int, not str"):
        Digest({"1": 1})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="field 1 of the digest is list"):
        Digest({1: [1]})  # type: ignore[dict-item]
    with pytest.raises(gossiperl.ArgumentError, match="60000 at most"):
        Digest({1: b"x" * 60_000})


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x0b\x00\x01\x7f\xff\xff\xff", b"\x08\x00\x01\x00"])
def test_a_payload_that_is_no_digest_is_refused(payload: bytes) -> None:
    with pytest.raises(gossiperl.ArgumentError, match="the payload is no digest"):
        Delivery("n", payload).digest()
