"""Arrays in files: what is written is read, and whatever the damage, it is one kind of error."""

from __future__ import annotations

import struct
import zipfile

import numpy as np
from absl.testing import absltest

from experiments.npz import NpzError, read_npz, save_npz
from tests.support import pictures


class NpzTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.path = pictures.folder_for(self) / "arrays.npz"
        self.values = np.random.default_rng(0).normal(size=[50, 4])

    def test_what_is_written_is_read(self):
        save_npz(self.path, values=self.values, names=np.array(["ä", "b"]), empty=np.zeros([0, 3]), one=np.array("x"))
        names, values, empty, one = read_npz(self.path, "names", "values", "empty", "one")
        np.testing.assert_array_equal(values, self.values)
        self.assertEqual((names.tolist(), empty.shape, str(one)), (["ä", "b"], (0, 3), "x"))
        np.savez(self.path, values=self.values)  # Not compressed.
        np.testing.assert_array_equal(read_npz(self.path, "values")[0], self.values)

    def test_damage_anywhere(self):
        for write in (save_npz, np.savez):
            write(self.path, values=self.values)
            contents = self.path.read_bytes()
            refused = 0
            places = np.unique(np.linspace(0, len(contents) - 1, 300).astype(int))
            for place in places:
                damaged = bytearray(contents)
                damaged[place] ^= 0xFF
                self.path.write_bytes(damaged)
                try:
                    (values,) = read_npz(self.path, "values")
                except NpzError as error:
                    self.assertRegex(str(error), r"arrays.npz cannot be read as a .npz file with values \(.+\)\.$")
                    refused += 1
                else:  # The archive has fields that do not matter, as times.
                    np.testing.assert_array_equal(values, self.values)
            self.assertGreater(refused, 0.9 * len(places))

    def test_what_is_no_such_file(self):
        def pickled(path):
            np.savez(path, values=np.array([{}], dtype=object))

        def lone(path):
            with open(path, "wb") as file:
                np.save(file, self.values)

        def longer(path):
            with zipfile.ZipFile(path, "w") as archive, archive.open("values.npy", "w") as member:
                np.lib.format.write_array(member, self.values)
                member.write(b"more")

        def encrypted(path):
            save_npz(path, values=self.values)
            contents = bytearray(path.read_bytes())
            for start in (6, contents.rindex(b"PK\1\2") + 8):  # The flags, in the member's head and in the directory.
                struct.pack_into("<H", contents, start, 1)
            path.write_bytes(contents)

        def other(path):
            save_npz(path, vectors=self.values)

        def too_large(path):
            head = b"\x93NUMPY\1\0v\0" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }"
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("values.npy", head.ljust(127) + b"\n")

        for write in (pickled, lone, longer, encrypted, other, too_large, lambda path: path.write_bytes(b"")):
            write(self.path)
            with self.assertRaises(NpzError):
                read_npz(self.path, "values")
        with self.assertRaises(FileNotFoundError):
            read_npz(self.path.with_name("none.npz"), "values")
