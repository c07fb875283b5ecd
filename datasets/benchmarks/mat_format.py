"""MATLAB's file format of versions 5 to 7, as far as annotations need it.

Written here because SciPy's reader can crash the process on a damaged file; every length is checked against what
there is. (MAT-File Format, The MathWorks, chapter on level 5 files.)
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import NamedTuple, Optional, Union

_HEADER_SIZE = 128
_LARGEST = 1 << 28  # Bytes of one variable once decompressed: a bound for forged files, thirty times Cars196's.
_INT32, _UINT32, _MATRIX, _COMPRESSED = 5, 6, 14, 15
_NUMBERS = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _TEXT = 1, 2, 4
_NUMERIC = range(6, 16)


class StructArray(NamedTuple):
    """An array of structs.

    Attributes:
      fields: names of what each has.
      rows: the values of each, in the order of the names.
    """

    fields: tuple[str, ...]
    rows: list[tuple]


# A text, numbers, a cell array, structs, or None for what is of no other kind here.
Value = Optional[Union[str, tuple, list, StructArray]]


class _Element(NamedTuple):
    kind: int
    start: int
    end: int
    next: int


def variable(contents: bytes, name: str) -> Value:
    """A variable of a MATLAB file; None if there is none of that name.

    Raises:
      ValueError: the file is of another format, or damaged.
    """
    order = {b"IM": "<", b"MI": ">"}.get(contents[126:128])
    if order is None or struct.unpack_from(f"{order}H", contents, 124) != (0x0100,):
        raise ValueError("its first 128 bytes are not those of a MATLAB file of version 5 to 7")
    offset = _HEADER_SIZE
    try:
        while offset < len(contents):
            data, element = contents, _element(contents, order, offset, len(contents))
            offset = element.next
            if element.kind == _COMPRESSED:
                offset = element.end  # These alone are not padded.
                data = _decompressed(contents[element.start : element.end])
                element = _element(data, order, 0, len(data))
            if element.kind == _MATRIX:
                found, value = _matrix(data, order, element, name)
                if found == name:
                    return value
    except (struct.error, zlib.error, LookupError, OverflowError, RecursionError) as error:
        raise ValueError(str(error) or "it is nested too deeply") from error
    return None


def _decompressed(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    plain = stream.decompress(data, _LARGEST)
    if not stream.eof:
        raise ValueError("a compressed variable is cut off, or too large")
    return plain


def _element(data: bytes, order: str, offset: int, end: int) -> _Element:
    """Where the element at an offset lies; short ones have their size in the upper half of their kind."""
    kind, size = struct.unpack_from(f"{order}II", data, offset)
    start = offset + 8
    if kind >> 16:
        kind, size, start = kind & 0xFFFF, kind >> 16, offset + 4
    stop = start + size
    if stop > end or (start == offset + 4 and size > 4):
        raise ValueError(f"an element of {size} bytes goes beyond what holds it")
    return _Element(kind, start, stop, offset + 8 if start == offset + 4 else start + -(-size // 8) * 8)


def _matrix(data: bytes, order: str, element: _Element, wanted: str | None = None) -> tuple[str, Value]:
    """Name and value of an array; its contents are read only if it is called as wanted, or nothing is wanted."""
    if element.start == element.end:
        return "", ()
    end = element.end
    flags = _element(data, order, element.start, end)
    sizes = _element(data, order, flags.next, end)
    label = _element(data, order, sizes.next, end)
    name = data[label.start : label.end].decode()
    if wanted is not None and name != wanted:
        return name, None
    if flags.kind != _UINT32 or sizes.kind not in (_INT32, _UINT32):
        raise ValueError("an array does not begin with its class and size")
    kind = struct.unpack_from(f"{order}I", data, flags.start)[0] & 0xFF
    count = math.prod(_numbers(data, order, sizes))
    if kind == _CELL:
        return name, _arrays(data, order, label.next, end, count)
    if kind == _STRUCT:
        return name, _structs(data, order, label.next, end, count)
    if kind != _TEXT and kind not in _NUMERIC:
        return name, None
    values = _element(data, order, label.next, end)
    if kind == _TEXT:
        return name, _text(data, order, values)
    numbers = _numbers(data, order, values)
    if len(numbers) != count:
        raise ValueError(f"an array of {count} numbers holds {len(numbers)}")
    return name, numbers


def _numbers(data: bytes, order: str, element: _Element) -> tuple:
    code = _NUMBERS[element.kind]
    return struct.unpack(
        f"{order}{(element.end - element.start) // struct.calcsize('=' + code)}{code}",
        data[element.start : element.end],
    )


def _text(data: bytes, order: str, element: _Element) -> str:
    encoding = _TEXTS[element.kind]
    if encoding.startswith("utf-") and encoding != "utf-8":
        encoding += "-le" if order == "<" else "-be"
    return data[element.start : element.end].decode(encoding)


def _arrays(data: bytes, order: str, offset: int, end: int, count: int) -> list[Value]:
    """So many arrays, one after the other."""
    if not 0 <= count <= (end - offset) // 8:
        raise ValueError(f"{count} arrays do not fit into {end - offset} bytes")
    values = []
    for _ in range(count):
        element = _element(data, order, offset, end)
        if element.kind != _MATRIX:
            raise ValueError(f"an element of kind {element.kind} is where an array should be")
        values.append(_matrix(data, order, element)[1])
        offset = element.next
    return values


def _structs(data: bytes, order: str, offset: int, end: int, count: int) -> StructArray:
    width = _element(data, order, offset, end)
    names = _element(data, order, width.next, end)
    (length,) = _numbers(data, order, width)
    if length <= 0:
        raise ValueError(f"names of fields take {length} bytes")
    texts = data[names.start : names.end]
    fields = tuple(texts[at : at + length].partition(b"\0")[0].decode() for at in range(0, len(texts), length))
    values = _arrays(data, order, names.next, end, count * len(fields))
    rows = [tuple(values[at : at + len(fields)]) for at in range(0, len(values), len(fields) or 1)]
    return StructArray(fields, rows)
