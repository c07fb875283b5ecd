"""Archives that are not extracted, and what they leave behind: nothing."""

from __future__ import annotations

import collections
import gzip
import io
import pathlib
import stat
import struct
import tarfile
import zipfile
from unittest import mock

from absl.testing import parameterized

from datasets.manifest import DataError
from datasets.prepare import listing
from tests.support.packing import (
    FILES,
    KINDS,
    ArchiveTest,
    file_entry,
    files_in,
    packed,
    special_entry,
    tar_of,
    tree,
    zip_of,
)

OUTSIDE = ("../x", "a/../../x", "a/..", "/x", "//x", "C:/x", "C:x", "a\\..\\x", "\\x", "..")
_GOOD = file_entry("good.txt", b"good")
_DiskUsage = collections.namedtuple("_DiskUsage", "total used free")


def _patched(contents: bytes, form: str, values: dict[bytes, tuple[int, int]]) -> bytes:
    """A zip with a number put at an offset from each place where a header begins."""
    patched = bytearray(contents)
    for signature, (offset, value) in values.items():
        begin = contents.find(signature)
        struct.pack_into(form, patched, begin + offset, value)
    return bytes(patched)


class RefusalTest(ArchiveTest):
    def assert_refused(self, message: str, contents: bytes | None = None, max_bytes: int = 10**7):
        with self.assertRaisesRegex(DataError, message) as caught:
            self.extract(contents, max_bytes)
        self.assertIn(str(self.archive), str(caught.exception))
        self.assertEqual(list(tree(self.folder)), ["archive"])


class NameTest(RefusalTest):
    @parameterized.product(kind=KINDS, name=OUTSIDE)
    def test_names_that_lead_out(self, kind, name):
        self.assert_refused(
            "the entry .* leads out of the folder that it is extracted to. Nothing was extracted; fetch",
            packed(kind, {"good.txt": b"good", name: b"bad"}),
        )

    def test_the_absolute_name_of_a_real_place(self):
        victim = self.folder / "victim"
        for kind in KINDS:
            self.assert_refused("leads out", packed(kind, {"good.txt": b"good", str(victim): b"bad"}))

    @parameterized.product(kind=KINDS, name=("a\nb", "a/\x1b[2J"))
    def test_control_characters(self, kind, name):
        self.assert_refused(r"the entry 'a.*(\\n|\\x1b).* control characters", packed(kind, {name: b"bad"}))

    def test_a_zip_name_with_nul(self):
        contents = zip_of([("goodX/../../x", b"bad")]).replace(b"goodX", b"good\0")
        self.assert_refused("control characters", contents)

    @parameterized.product(kind=KINDS, name=("x" * 256, "a/" * 1100 + "b", ".unfinished", ".unfinished/a"))
    def test_names_that_cannot_be_used(self, kind, name):
        self.assert_refused("has too long a name|a name that is used while extracting", packed(kind, {name: b"bad"}))

    @parameterized.parameters(
        ([("a", b"one"), ("a", b"two")], "with different contents"),
        ([("a", b"one"), ("a/b", b"two")], "as different things"),
        ([("a/b", b"two"), ("./a", b"one")], "as different things"),
    )
    def test_names_that_come_twice(self, entries, message):
        self.assert_refused(f"the entry 'a' comes twice, {message}", zip_of(entries))
        self.assert_refused(f"the entry 'a' comes twice, {message}", tar_of(file_entry(*item) for item in entries))


class KindTest(RefusalTest):
    @parameterized.parameters(
        "/etc/passwd", "../x", "../../etc/passwd", "a/../../x", "nowhere", "folder", "link", "folder/link", ""
    )
    def test_links_that_lead_out_or_nowhere(self, target):
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            entries = [_GOOD, special_entry("folder", tarfile.DIRTYPE), special_entry("link", kind, target)]
            self.assert_refused("the entry 'link' is a link to no file of the archive", tar_of(entries))

    def test_links_in_a_circle(self):
        entries = [special_entry("a", tarfile.SYMTYPE, "b"), special_entry("b", tarfile.SYMTYPE, "a"), _GOOD]
        self.assert_refused("is a link to no file of the archive", tar_of(entries))

    def test_a_file_by_way_of_a_link(self):
        entries = [_GOOD, special_entry("way", tarfile.SYMTYPE, str(self.folder)), file_entry("way/x", b"bad")]
        self.assert_refused("the entry 'way' is a link to no file", tar_of(entries))
        entries[1] = special_entry("way", tarfile.SYMTYPE, "good.txt")
        self.assert_refused("the entry 'way' comes twice, as different things", tar_of(entries))
        entries[1:] = [special_entry("a", tarfile.SYMTYPE, "good.txt"), special_entry("a", tarfile.SYMTYPE, "b")]
        self.assert_refused("the entry 'a' comes twice, as different links", tar_of(entries))

    @parameterized.parameters(tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z")
    def test_devices_and_such(self, kind):
        self.assert_refused("'bad' is neither a file, nor", tar_of([_GOOD, special_entry("bad", kind)]))

    def test_sparse_files(self):
        entry = tarfile.TarInfo("hole")
        entry.size = 512
        # GNU's sparse format, 1.0: a size far above that of the contents, and a map that begins them.
        entry.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1000000"}
        contents = b"1\n0\n0\n".ljust(512, b"\0")
        self.assert_refused("'hole' is neither a file, nor", tar_of([_GOOD, (entry, contents)]))

    @parameterized.parameters(stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK)
    def test_links_and_devices_in_a_zip(self, kind):
        entry = zipfile.ZipInfo("bad")
        entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16
        self.assert_refused("'bad' is a link or a device", zip_of([("good", b"good"), (entry, b"/etc/passwd")]))

    def test_an_encrypted_zip(self):
        # Bit 0 of the flags, 6 bytes into the local header and 8 into the central one.
        contents = _patched(zip_of([("a.jpg", b"a")]), "<H", {b"PK\3\4": (6, 1), b"PK\1\2": (8, 1)})
        self.assert_refused("is encrypted: 'a.jpg' needs a password. Unpack it with the password", contents)

    @parameterized.parameters(9, 12, 14, 99)
    def test_another_method_in_a_zip(self, method):
        contents = _patched(zip_of([("a.jpg", b"a")]), "<H", {b"PK\3\4": (8, method), b"PK\1\2": (10, method)})
        self.assert_refused(f"is compressed by method {method}, which", contents)


class BoundTest(RefusalTest):
    @parameterized.parameters(*KINDS)
    def test_more_bytes_than_allowed(self, kind):
        contents = packed(kind, dict.fromkeys("abcd", bytes(300_000)))
        # Four files of 300 kB are 1.2 MB; a tar has headers too.
        self.assert_refused("'d' makes the files larger than the 1.1 MB that are allowed", contents, 1_100_000)
        self.extract(contents, 1_300_000)

    def test_a_small_tgz_of_much_padding(self):
        contents = gzip.compress(gzip.decompress(packed("tgz", FILES)) + bytes(10**7))
        self.assertLess(len(contents), 100_000)
        self.assert_refused("decompresses to more than the 5.0 MB that are allowed", contents, 5 * 10**6)

    def test_links_count_as_the_copies_that_they_become(self):
        entries = [file_entry("a", bytes(300_000)), *(special_entry(n, tarfile.LNKTYPE, "a") for n in "bcd")]
        self.assert_refused("'d' makes the files larger than the 1.1 MB", tar_of(entries), 1_100_000)

    @parameterized.parameters((8 * 10**9, "larger than"), (-512, "has a size of -512"), (-1, "has a size of -1"))
    def test_a_header_that_lies_about_its_file(self, size, message):
        entry = tarfile.TarInfo("liar")
        entry.size = size
        contents = tar_of([_GOOD])[:1024] + entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
        self.assert_refused(message, contents)

    def test_a_header_that_leads_back_to_itself(self):
        entry = tarfile.TarInfo("__MACOSX/left_out")
        entry.size = -1024
        contents = tar_of([_GOOD])[:1024] + entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
        self.assert_refused("damaged or incomplete", contents)

    @parameterized.parameters(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)
    def test_a_header_that_would_fill_the_memory(self, kind):
        entry = tarfile.TarInfo("long")
        entry.type, entry.size = kind, 3 * 10**6
        contents = entry.tobuf(tarfile.GNU_FORMAT) + bytes(3 * 10**6) + tar_of([_GOOD])
        self.assert_refused("damaged or incomplete .*a header has 3000320 bytes", contents)

    def test_a_zip_that_lies_about_its_sizes(self):
        honest = zip_of([("a", bytes(100_000))])
        # The uncompressed size: 22 bytes into the local header, 24 into the central one.
        lying = _patched(honest, "<L", {b"PK\3\4": (22, 10), b"PK\1\2": (24, 10)})
        with self.assertRaisesRegex(DataError, "damaged or incomplete .*CRC"):
            self.extract(lying)
        self.assertEmpty(files_in(self.target))
        self.assertCountEqual(files_in(self.folder), ["archive"])

    @parameterized.parameters(*KINDS)
    def test_too_many_entries(self, kind):
        with mock.patch.object(listing, "MAX_ENTRIES", 3):
            self.assert_refused("'d' is one too many: 3 are allowed", packed(kind, dict.fromkeys("abcd", b"")))

    @parameterized.parameters(*KINDS)
    def test_no_room(self, kind):
        self.archive.write_bytes(packed(kind, {"a": bytes(5000), "b": b"b"}))
        # Files take whole clusters of 4096 bytes: two and one.
        for free, fits in ((3 * 4096 - 1, False), (3 * 4096, True)):
            usage = _DiskUsage(free, 0, free)
            with mock.patch("datasets.prepare.files.shutil.disk_usage", return_value=usage):
                if fits:
                    self.extract()
                else:
                    with self.assertRaisesRegex(DataError, "12.3 kB must be free in .*, and 12.3 kB are. Make room"):
                        self.extract()
                    self.assertEqual(list(tree(self.folder)), ["archive"])


class DamageTest(RefusalTest):
    @parameterized.parameters(
        (b"", "it is empty"),
        (b"\n <!DOCTYPE html>", "it is a web page, as a login"),
        (b"Rar!\x1a\x07", "it begins with b'Rar!"),
    )
    def test_no_archive(self, contents, message):
        self.assert_refused(f"should be a .tgz, .tar or .zip archive; {message}", contents)

    def test_no_file(self):
        with self.assertRaisesRegex(DataError, "There is no archive .*; fetch it"):
            self.extract()

    @parameterized.parameters("tar", "tgz")
    def test_a_tar_that_is_cut_off_anywhere(self, kind):
        whole = packed(kind, FILES)
        ends = {1, 2, 300, 512, 513, 1024, len(whole) // 2, len(whole) - 1}
        if kind == "tar":
            # At the boundaries of members, where tarfile itself sees an end; and no end mark is left by the last.
            with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
                ends = ends - {len(whole) - 1} | {member.offset for member in archive if member.offset}
        for end in sorted(ends):
            with self.subTest(end=end):
                self.assert_refused("damaged or incomplete .*; fetch it again|should be a .tgz", whole[:end])

    @parameterized.parameters(0.3, 0.6, 0.97)
    def test_a_damaged_tgz_writes_nothing(self, where):
        contents = bytearray(packed("tgz", FILES))
        contents[int(where * len(contents))] ^= 0xFF
        self.assert_refused("damaged or incomplete .*; fetch it again", bytes(contents))

    def test_a_header_that_is_none_in_the_middle(self):
        contents = bytearray(packed("tar", FILES))
        contents[1024 + 20] ^= 0xFF  # The second header: its checksum is wrong now.
        self.assert_refused("damaged or incomplete .it ends without its end mark", bytes(contents))

    def test_a_zip_that_is_cut_off(self):
        whole = packed("zip", FILES)
        for end in (2, 100, len(whole) // 2, len(whole) - 1):
            self.assert_refused("damaged or incomplete .*; fetch it again. What is extracted already", whole[:end])

    def test_a_zip_that_is_damaged_keeps_what_came_before(self):
        contents = bytearray(packed("zip", FILES))
        third = zipfile.ZipFile(io.BytesIO(contents)).infolist()[2]
        contents[third.header_offset + 500] ^= 0xFF
        with self.assertRaisesRegex(DataError, "damaged or incomplete .*2.jpg.*; fetch it again. What is extracted"):
            self.extract(bytes(contents))
        names = list(FILES)[:2]
        self.assertEqual(files_in(self.target), {name: FILES[name] for name in names})
        # The sound archive goes on from there.
        before = {name: (self.target / name).stat().st_ino for name in names}
        self.extract(packed("zip", FILES))
        self.assertEqual(files_in(self.target), FILES)
        self.assertEqual({name: (self.target / name).stat().st_ino for name in names}, before)

    @parameterized.parameters(*KINDS)
    def test_no_files(self, kind):
        self.assert_refused("holds no files; fetch it again", packed(kind, {"__MACOSX/a": b""}))

    def test_errors_of_the_disk_are_not_taken_for_damage(self):
        self.archive.write_bytes(packed("tgz", FILES))
        failing = mock.patch("gzip.GzipFile.read", side_effect=OSError(5, "Input/output error"))
        with failing, self.assertRaisesRegex(OSError, "Input/output") as caught:
            self.extract()
        self.assertNotIsInstance(caught.exception, DataError)

    def test_an_archive_that_changes_between_its_readings(self):
        self.archive.write_bytes(packed("tar", FILES))
        changed = {**FILES, "birds/list.txt": b"3 gull\n4 rook\n"}

        def swap(folder: pathlib.Path, size: int) -> None:
            self.archive.write_bytes(packed("tar", changed))

        with (
            mock.patch("datasets.prepare.archives.require_space", swap),
            self.assertRaisesRegex(DataError, "does not hold what it says .list.txt has other contents.; fetch"),
        ):
            self.extract()
        self.assertEmpty(files_in(self.target))
