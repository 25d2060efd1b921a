"""Digests: messages of typed fields, with ids that the application picks.

What is read is a plain Python value that also knows its kind: ``I16(7)`` is an ``int``, ``String(b"x")`` is ``bytes``.
What is written may be plain: an ``int`` is sent as 64 bits, a ``str`` as its UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, Optional, TypeVar, Union

from ._errors import ArgumentError
from ._native import decode, encode

Kind = Literal["bool", "byte", "i16", "i32", "i64", "double", "string"]
"""The kind of a field, by its name in Thrift."""


_I = TypeVar("_I", bound="_Integer")


class _Integer(int):
    _kind: Kind
    _bits: int

    def __new__(cls: type[_I], value: int = 0) -> _I:
        made = super().__new__(cls, value)
        if not -(1 << (cls._bits - 1)) <= made < 1 << (cls._bits - 1):
            raise ArgumentError(f"{int(made)} does not fit into {cls.__name__}, an integer of {cls._bits} bits")
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"

    __str__ = int.__repr__


class I8(_Integer):
    """A signed integer of 8 bits, Thrift's ``byte``."""

    _kind = "byte"
    _bits = 8


class I16(_Integer):
    """A signed integer of 16 bits."""

    _kind = "i16"
    _bits = 16


class I32(_Integer):
    """A signed integer of 32 bits."""

    _kind = "i32"
    _bits = 32


class I64(_Integer):
    """A signed integer of 64 bits, what a plain ``int`` is sent as."""

    _kind = "i64"
    _bits = 64


class Double(float):
    """A float of 64 bits, what a plain ``float`` is sent as. NaN and the infinities stay what they are."""

    def __repr__(self) -> str:
        return f"Double({float(self)!r})"

    __str__ = float.__repr__


_S = TypeVar("_S", bound="String")


class String(bytes):
    """A string: any bytes, UTF-8 mostly. Made from ``bytes``, or from a ``str``."""

    def __new__(cls: type[_S], value: Union[str, bytes] = b"") -> _S:
        if isinstance(value, str):
            value = value.encode("utf-8", "surrogateescape")
        return super().__new__(cls, value)

    def text(self, errors: str = "surrogateescape") -> str:
        """As a ``str``; a byte that is not UTF-8 becomes a lone surrogate, unless ``errors`` says otherwise."""
        return self.decode("utf-8", errors)

    def __repr__(self) -> str:
        return f"String({bytes(self)!r})"


Bool = bool
"""A boolean: ``bool`` itself."""

Value = Union[bool, I8, I16, I32, I64, Double, String]
"""What a field is read as."""

Writable = Union[bool, int, float, str, bytes]
"""What a field may be given as."""

Fields = Mapping[int, Writable]
"""What a digest may be given as: values by field id, -32,768 to 32,767."""


class Digest(Mapping[int, Value]):
    """The fields of a message by their ids, rising. Immutable.

    >>> digest = Digest({1: "door 7", 2: True, 3: I16(21)})
    >>> digest.text(1), digest[2], digest[3], digest.kind(3)
    ('door 7', True, I16(21), 'i16')
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Optional[Fields] = None) -> None:
        """Raises ``ArgumentError`` where a number is out of its range, ``TypeError`` for a value of another type."""
        self._fields: dict[int, Value] = decode(encode(fields or {}))

    @classmethod
    def decode(cls, payload: bytes) -> Digest:
        """Reads the digest that the payload begins with. Raises ``ArgumentError`` where it is none.

        Fields of other types than the seven (lists, structs ...) are left out.
        """
        digest = cls.__new__(cls)
        digest._fields = decode(payload)
        return digest

    def encode(self) -> bytes:
        """The payload that carries it."""
        return encode(self._fields)

    def __getitem__(self, id: int) -> Value:
        return self._fields[id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Digest({self._fields!r})"

    def kind(self, id: int) -> Kind:
        """The kind that the field was sent as. Raises ``KeyError`` where there is none."""
        value = self._fields[id]
        if isinstance(value, bool):
            return "bool"
        if isinstance(value, float):
            return "double"
        if isinstance(value, bytes):
            return "string"
        return value._kind

    def text(self, id: int) -> str:
        """A string field as ``str``; bytes that are not UTF-8 as lone surrogates.

        Raises ``KeyError`` where there is none, ``TypeError`` where it is of another kind.
        """
        value = self._fields[id]
        if not isinstance(value, String):
            raise TypeError(f"field {id} of the digest is of kind {self.kind(id)}, not string")
        return value.text()
