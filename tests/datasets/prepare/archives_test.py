"""Extraction of archives: good ones, damaged ones, and those that would write elsewhere."""

import collections
import errno
import os
import struct
import tarfile
import zipfile
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from datasets.manifest import DataError
from datasets.prepare.archives import extract
from tests.support.packing import packed, special_entry, tar_of
from tests.support.pictures import folder_for

_FILES = {
    "birds/list.txt": b"1 crow\n2 wren\n",
    "birds/images/wren/2.jpg": np.random.default_rng(0).bytes(70_000),
    "birds/images/wren/empty.txt": b"",
}
_KINDS = ("tar", "tgz", "zip")
_DiskUsage = collections.namedtuple("_DiskUsage", "total used free")


class ExtractTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = folder_for(self)
        self.archive, self.target = self.folder / "archive", self.folder / "deep" / "target"

    def extract(self, contents: bytes) -> int:
        self.archive.write_bytes(contents)
        return extract(self.archive, self.target)

    def files(self) -> dict[str, bytes]:
        """Everything below the folder but the archive."""
        paths = [path for path in self.folder.rglob("*") if path != self.archive and not path.is_dir()]
        self.assertFalse([path for path in paths if path.is_symlink()])
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}

    def assert_refused(self, contents: bytes, message: str):
        with self.assertRaisesRegex(DataError, message) as caught:
            self.extract(contents)
        self.assertIn(str(self.archive), str(caught.exception))
        self.assertEqual(self.files(), {})

    @parameterized.parameters(*_KINDS)
    def test_good(self, kind):
        contents = packed(kind, _FILES)
        self.assertEqual(self.extract(contents), 3)
        expected = {f"deep/target/{name}": data for name, data in _FILES.items()}
        self.assertEqual(self.files(), expected)
        # Started again after an interruption, it completes what is there.
        (self.target / "birds/list.txt").write_bytes(b"1 cr")
        (self.target / "birds/images/wren/2.jpg").unlink()
        self.extract(contents)
        self.assertEqual(self.files(), expected)

    def test_a_python_without_tar_filters(self):
        with mock.patch.object(tarfile, "data_filter", create=True):
            del tarfile.data_filter
            self.assertEqual(self.extract(packed("tgz", _FILES)), 3)

    @parameterized.product(kind=("tar", "tgz"), name=("../x", "a/../../x", "/x", "a/.."))
    def test_tar_names_that_lead_out(self, kind, name):
        self.assert_refused(packed(kind, {"good": b"good", name: b"bad"}), "would be outside .*Nothing was extracted")

    @parameterized.parameters("../x", "a/../../x", "/x")
    def test_zip_names_that_lead_out_stay_inside(self, name):
        self.extract(packed("zip", {name: b"bad"}))
        (path,) = self.files()
        self.assertStartsWith(path, "deep/target/")

    @parameterized.parameters(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
    def test_links_and_devices(self, kind):
        entries = [special_entry("way", kind, str(self.folder)), special_entry("folder", tarfile.DIRTYPE)]
        self.assert_refused(tar_of(entries), "'way', which is a link or a device")

    def test_a_link_in_a_zip_becomes_a_file(self):
        entry = zipfile.ZipInfo("way")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        self.extract(packed("zip", {entry: b"/etc"}))
        self.assertEqual(self.files(), {"deep/target/way": b"/etc"})

    def test_encrypted_zip(self):
        contents = bytearray(packed("zip", {"a.jpg": b"a"}))
        # Bit 0 of the flags, 6 bytes into the local header and 8 into the central one.
        for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            struct.pack_into("<H", contents, contents.find(signature) + offset, 1)
        self.assert_refused(bytes(contents), "is encrypted. Unpack it with the password")

    @parameterized.parameters(
        (b"\n <!DOCTYPE html>", "it is a web page"), (b"", "it is none"), (b"Rar!\x1a", "it is none")
    )
    def test_no_archive(self, contents, message):
        self.assert_refused(contents, f"should be a .tgz, .tar or .zip archive; {message}.*Fetch it again")

    @parameterized.product(kind=("tgz", "zip"), share=(0.1, 0.5, 0.99))
    def test_cut_off(self, kind, share):
        contents = packed(kind, _FILES)
        self.assert_refused(contents[: int(share * len(contents))], "is damaged or incomplete|should be a")

    @parameterized.parameters("tgz", "txz", "zip")
    def test_damaged(self, kind):
        contents = bytearray(packed(kind, _FILES))
        contents[len(contents) // 2] ^= 0xFF
        with self.assertRaisesRegex(DataError, "is damaged or incomplete .*; fetch it again"):
            self.extract(bytes(contents))

    @parameterized.parameters(*_KINDS)
    def test_no_room(self, kind):
        free = sum(map(len, _FILES.values())) - 1
        with mock.patch("shutil.disk_usage", return_value=_DiskUsage(free, 0, free)):
            self.assert_refused(packed(kind, _FILES), "needs 0.0 GB in .*, and 0.0 GB are free. Make room")

    @parameterized.parameters("tgz", "zip")
    def test_a_full_disk(self, kind):
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        method = "tarfile.TarFile.extract" if kind == "tgz" else "zipfile.ZipFile.extract"
        with mock.patch(method, side_effect=full):
            self.assert_refused(packed(kind, _FILES), "No space left on device.*Make room or pass another --data_dir")


if __name__ == "__main__":
    absltest.main()
