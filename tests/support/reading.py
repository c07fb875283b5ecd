"""Reading image files for tests: all of one or a window, in a graph or eagerly, as in training or as served."""

from __future__ import annotations

import functools
import struct
import zlib

import numpy as np
import tensorflow as tf

from datasets.images.decoding import open_image
from datasets.images.image import read_all
from datasets.images.refusal import reason
from datasets.images.windows import Window

# Where a JPEG file of Pillow's has the number that says whether CMYK is stored as luma, chroma and black.
_AFTER_ADOBE = len(b"Adobe") + 6


@functools.cache
def reader(served: bool = False, channels: int = 3):
    """From a file's bytes, and [2] begin and size of a window, to its pixels; traced once."""
    specs = [tf.TensorSpec([], tf.string), tf.TensorSpec([2], tf.int32), tf.TensorSpec([2], tf.int32)]

    def read(contents, begin, size):
        return open_image(contents, channels, served).read(Window(begin, size))

    return tf.function(read, input_signature=specs)


@functools.cache
def whole_reader(served: bool = False, channels: int = 3):
    """From a file's bytes to all pixels; traced once."""

    def read(contents):
        return read_all(open_image(contents, channels, served))

    return tf.function(read, input_signature=[tf.TensorSpec([], tf.string)])


def eagerly(contents: bytes, served: bool = False, channels: int = 3) -> np.ndarray:
    return read_all(open_image(tf.constant(contents), channels, served)).numpy()


def refusal(contents: bytes, served: bool = False) -> str:
    """What is said of a file that is refused, eagerly and in a graph alike."""
    said = set()
    for read in (whole_reader(served), lambda contents: eagerly(contents, served)):
        try:
            pixels = read(contents)
        except tf.errors.InvalidArgumentError as error:
            said.add(reason(error))
        else:
            raise AssertionError(f"read as {pixels.shape}")
    if len(said) > 1:
        raise AssertionError(f"said in two ways: {said}")
    (sentence,) = said
    return sentence


def random_window(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """[2] int32 begin and size of a window: of any size from one pixel to all."""
    size = rng.integers(1, [height + 1, width + 1])
    return rng.integers(0, np.array([height, width]) - size + 1).astype(np.int32), size.astype(np.int32)


def as_ycck(jpeg: bytes) -> bytes:
    """A CMYK JPEG file taken as one of luma, chroma and black: other colours, and another way to decode them."""
    at = jpeg.index(b"Adobe") + _AFTER_ADOBE
    return jpeg[:at] + b"\x02" + jpeg[at + 1 :]


def jpeg_with(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG file with segments (marker and contents) put in after its first one, JFIF's."""
    end = 20  # Start of image, marker and length, and 14 bytes of contents.
    return jpeg[:end] + b"".join(struct.pack(">BBH", 255, m, len(c) + 2) + c for m, c in segments) + jpeg[end:]


def png(height: int, width: int, bits: int, colour: int, rows: list[bytes], interlaced: bool = False) -> bytes:
    """A PNG file of rows of bytes, none of them filtered; 0 for grey, 2 for colour."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))
    data = png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + data + png_chunk(b"IEND", b"")


def png_chunk(name: bytes, contents: bytes) -> bytes:
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))
