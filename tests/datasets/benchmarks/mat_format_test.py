"""MATLAB files against SciPy's reader, on files that MATLAB wrote and on ones made here."""

import pathlib
import struct
import unittest
import zlib

import numpy as np
import scipy.io
import tensorflow as tf
from absl.testing import parameterized
from scipy.io import loadmat, savemat

from datasets.benchmarks.mat_format import StructArray, variable
from tests.support import pictures

# SciPy's own tests, which most of its packages hold.
_WRITTEN_BY_MATLAB = pathlib.Path(scipy.io.__file__).parent / "matlab" / "tests" / "data"


def _plain(value: np.ndarray):
    """What SciPy reads, in the form in which it should be read here."""
    if value.dtype.names is not None:
        rows = [tuple(_plain(row[name]) for name in value.dtype.names) for row in value.ravel(order="F")]
        return StructArray(value.dtype.names, rows)
    if value.dtype.kind == "O":
        return [_plain(cell) for cell in value.ravel(order="F")]
    if value.dtype.kind == "U":
        return "".join(value.ravel().tolist())
    # Of complex numbers the real part is read.
    return tuple(value.real.ravel(order="F").tolist())


class MatFormatTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(
        kind=("struct", "structarr", "structnest", "cell", "cellnest", "emptycell", "string", "onechar", "double"),
        version=("6.1_SOL2", "6.5.1_GLNX86", "7.1_GLNX86", "7.4_GLNX86"),  # SOL2 is big-endian; 7 is compressed.
    )
    def test_files_of_matlab(self, kind, version):
        path = _WRITTEN_BY_MATLAB / f"test{kind}_{version}.mat"
        if not path.is_file():
            raise unittest.SkipTest(f"This package of SciPy has no {path.name}.")
        ours, theirs = variable(path.read_bytes(), f"test{kind}"), _plain(loadmat(path)[f"test{kind}"])
        self.assertEqual(ours, theirs)

    @parameterized.product(seed=tuple(range(20)), compressed=(False, True))
    def test_files_of_scipy(self, seed, compressed):
        random = np.random.default_rng(seed)

        def value(depth):
            kind = random.integers(7 if depth else 5)
            if kind < 3:
                dtype = random.choice(["u1", "i1", "u2", "i4", "u8", "f4", "f8"])
                return random.integers(0, 100, random.integers(0, 4, 2)).astype(dtype)
            if kind < 5:
                return "".join(random.choice(list("ab é大"), random.integers(1, 12)))
            shape = (1, int(random.integers(1, 4)))
            made = np.empty(shape, object if kind == 5 else [("one", object), ("two_3", object)])
            for index in np.ndindex(shape):
                made[index] = value(depth - 1) if kind == 5 else (value(depth - 1), value(depth - 1))
            return made

        path = pictures.folder_for(self) / "x.mat"
        savemat(path, {"first": value(0), "wanted": value(3), "last": value(0)}, do_compression=compressed)
        self.assertEqual(variable(path.read_bytes(), "wanted"), _plain(loadmat(path)["wanted"]))
        self.assertIsNone(variable(path.read_bytes(), "missing"))

    @parameterized.parameters(
        (b"", "first 128 bytes"),
        (b"<html>" + b" " * 300, "first 128 bytes"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM", "first 128 bytes"),  # HDF5.
    )
    def test_other_formats(self, contents, message):
        with self.assertRaisesRegex(ValueError, message):
            variable(contents, "x")

    @parameterized.parameters(
        (struct.pack("<II", 14, 1000), "an element of 1000 bytes goes beyond"),
        (struct.pack("<II", 15, 4) + b"abcd", "Error -3 while decompressing"),
        (struct.pack("<II", 15, 8) + zlib.compress(b"abc" * 100)[:8], "cut off"),
        (struct.pack("<IIIIII", 14, 16, 5, 8, 6, 0), "unpack_from requires|requires a buffer|goes beyond"),
    )
    def test_damage(self, element, message):
        with self.assertRaisesRegex(ValueError, message):
            variable(b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + element, "x")

    def test_a_forged_size_takes_no_memory(self):
        # 2^31 − 1 cells in 64 bytes.
        cells = struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, 2**31 - 1, 1)
        cells += struct.pack("<II", 1, 1) + b"x" + bytes(7) + bytes(16)
        with self.assertRaisesRegex(ValueError, "2147483647 arrays do not fit into 16 bytes"):
            variable(b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 14, len(cells)) + cells, "x")
