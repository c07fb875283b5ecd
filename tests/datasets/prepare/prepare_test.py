"""From archives to a directory, by every way that they can come."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import re
import shutil
from unittest import mock

import tensorflow as tf
from absl.testing import parameterized

from datasets.manifest import DataError
from datasets.prepare import sources
from datasets.prepare.prepare import prepare
from tests.support.file_server import serving
from tests.support.packing import files_in, packed, silent
from tests.support.pictures import folder_for

# In the layouts of the real archives.
_ARCHIVES = {
    "CUB_200_2011.tgz": packed("tgz", {"CUB_200_2011/images.txt": b"1 a", "attributes.txt": b"1 colour"}),
    "car_ims.tgz": packed("tgz", {"car_ims/000001.jpg": b"car"}),
    "cars_annos.mat": b"MATLAB",
    "cars_train.tgz": packed("tgz", {"cars_train/00001.jpg": b"train"}),
    "cars_test.tgz": packed("tgz", {"cars_test/00001.jpg": b"test"}),
    "car_devkit.tgz": packed("tgz", {"devkit/cars_train_annos.mat": b"MATLAB train"}),
    "cars_test_annos_withlabels.mat": b"MATLAB test",
    "Stanford_Online_Products.zip": packed("zip", {"Stanford_Online_Products/Ebay_train.txt": b"x"}),
    "img.zip": packed("zip", {"img/WOMEN/1.jpg": b"dress", "img/MEN/2.jpg": b"coat"}),
    "list_eval_partition.txt": b"2\n",
    "list_bbox_inshop.txt": b"1\n",
}
_IN_PLACE = {
    "cub": {"CUB_200_2011/images.txt": b"1 a", "attributes.txt": b"1 colour"},
    "cars196": {"car_ims/000001.jpg": b"car", "cars_annos.mat": b"MATLAB"},
    "sop": {"Stanford_Online_Products/Ebay_train.txt": b"x"},
    "inshop": {
        "Img/img/WOMEN/1.jpg": b"dress",
        "Img/img/MEN/2.jpg": b"coat",
        "Eval/list_eval_partition.txt": b"2\n",
        "Anno/list_bbox_inshop.txt": b"1\n",
    },
}


def _with_sums_of_the_test(archive: sources.Archive) -> sources.Archive:
    md5 = hashlib.md5(_ARCHIVES[archive.file_name]).hexdigest()
    return dataclasses.replace(archive, md5=md5 if archive.md5 else None)


class PrepareTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        folder = folder_for(self)
        self.fetched, self.data_dir = folder / "fetched", folder / "some" / "data"
        self.fetched.mkdir()
        for name, contents in _ARCHIVES.items():
            (self.fetched / name).write_bytes(contents)
        of_the_test = {
            name: dataclasses.replace(
                source,
                archives=tuple(map(_with_sums_of_the_test, source.archives)),
                alternative=tuple(map(_with_sums_of_the_test, source.alternative)),
            )
            for name, source in sources.SOURCES.items()
        }
        patch = mock.patch.dict(sources.SOURCES, of_the_test)
        patch.start()
        self.addCleanup(patch.stop)

    def prepare(self, name, archives=(), **options):
        return prepare(
            name, self.data_dir, [self.fetched / archive for archive in archives], **options, progress=silent
        )

    def in_place(self):
        """The files there but for the records."""
        return {name: contents for name, contents in files_in(self.data_dir).items() if ".prepared." not in name}

    @parameterized.parameters(*sources.SOURCES)
    def test_given_archives(self, name):
        names = [archive.file_name for archive in sources.SOURCES[name].archives]
        lines = self.prepare(name, names)
        self.assertEqual([line.split(":")[0] for line in lines], names)
        self.assertEqual(self.in_place(), _IN_PLACE[name])

    @parameterized.parameters(*sources.SOURCES)
    def test_archives_that_lie_in_the_directory(self, name):
        names = [archive.file_name for archive in sources.SOURCES[name].archives]
        self.data_dir.mkdir(parents=True)
        for archive in names:
            shutil.copy(self.fetched / archive, self.data_dir)
        self.prepare(name)
        self.assertEqual(self.in_place(), {**_IN_PLACE[name], **{archive: _ARCHIVES[archive] for archive in names}})

    def test_archives_that_lie_where_they_are_distributed(self):
        for folder, archive in (("Img", "img.zip"), ("Eval", "list_eval_partition.txt")):
            (self.data_dir / folder).mkdir(parents=True)
            shutil.copy(self.fetched / archive, self.data_dir / folder)
        lines = self.prepare("inshop")
        self.assertEqual(
            lines,
            [
                f"img.zip: 2 files in {self.data_dir / 'Img'} (no sum is published to check it by)",
                f"list_eval_partition.txt: in {self.data_dir / 'Eval'} (no sum is published to check it by)",
            ],
        )
        expected = {name: contents for name, contents in _IN_PLACE["inshop"].items() if "Anno" not in name}
        self.assertEqual(self.in_place(), {**expected, "Img/img.zip": _ARCHIVES["img.zip"]})

    def test_the_other_form_of_cars196(self):
        names = [archive.file_name for archive in sources.SOURCES["cars196"].alternative]
        self.prepare("cars196", names)
        self.assertEqual(
            self.in_place(),
            {
                "cars_train/00001.jpg": b"train",
                "cars_test/00001.jpg": b"test",
                "devkit/cars_train_annos.mat": b"MATLAB train",
                "cars_test_annos_withlabels.mat": b"MATLAB test",
            },
        )
        self.assertLen([line for line in self.prepare("cars196") if line.endswith(": is in place already")], 4)

    def test_a_lone_archive_by_another_name(self):
        (self.fetched / "CUB_200_2011.tgz").rename(self.fetched / "download (1)")
        lines = self.prepare("cub", ["download (1)"])
        self.assertEqual(lines, [f"CUB_200_2011.tgz: 2 files in {self.data_dir} (MD5 as published)"])
        self.assertEqual(self.in_place(), _IN_PLACE["cub"])

    def test_downloaded_archives(self):
        with serving(_ARCHIVES["CUB_200_2011.tgz"]) as server:
            lines = self.prepare("cub", urls=[server.url])
            self.assertEqual(lines[0], f"CUB_200_2011.tgz: downloaded to {self.data_dir / 'CUB_200_2011.tgz'}")
            # It is there the next time, even if its files are not.
            shutil.rmtree(self.data_dir / "CUB_200_2011")
            self.prepare("cub", urls=[server.url])
            self.assertLen(server.requests, 1)
        archive = {"CUB_200_2011.tgz": _ARCHIVES["CUB_200_2011.tgz"]}
        self.assertEqual(self.in_place(), {**_IN_PLACE["cub"], **archive})

    def test_some_given_and_some_downloaded(self):
        with serving(_ARCHIVES["cars_annos.mat"]) as server:
            url = server.url.replace("file.tgz", "cars%5Fannos.mat?token=1")
            lines = self.prepare("cars196", ["car_ims.tgz"], urls=[url])
        self.assertLen(lines, 3)
        self.assertEqual(self.in_place(), _IN_PLACE["cars196"])

    def test_done_is_done(self):
        self.prepare("cub", ["CUB_200_2011.tgz"])
        (self.fetched / "CUB_200_2011.tgz").unlink()
        before = (self.data_dir / "attributes.txt").stat().st_mtime_ns
        self.assertEqual(self.prepare("cub"), ["CUB_200_2011.tgz: is in place already"])
        self.assertEqual((self.data_dir / "attributes.txt").stat().st_mtime_ns, before)
        marker = json.loads((self.data_dir / ".prepared.json").read_text())
        contents = _ARCHIVES["CUB_200_2011.tgz"]
        self.assertEqual(
            marker["CUB_200_2011.tgz"],
            {
                "size": len(contents),
                "md5": hashlib.md5(contents).hexdigest(),
                "entries": 2,
                "tops": ["CUB_200_2011", "attributes.txt"],
            },
        )

    @parameterized.parameters(
        "", "{", "[]", "[1]", '{"CUB_200_2011.tgz": 1}', '{"CUB_200_2011.tgz": {}}', '{"CUB_200_2011.tgz": {"tops": 3}}'
    )
    def test_a_damaged_record_is_none(self, text):
        self.prepare("cub", ["CUB_200_2011.tgz"])
        (self.data_dir / ".prepared.json").write_text(text)
        with self.assertRaisesRegex(DataError, "cub needs CUB_200_2011.tgz"):
            self.prepare("cub")
        self.assertNotIn("already", *self.prepare("cub", ["CUB_200_2011.tgz"]))

    def test_deleted_files_are_noticed(self):
        self.prepare("sop", ["Stanford_Online_Products.zip"])
        (self.data_dir / "Stanford_Online_Products/Ebay_train.txt").unlink()
        with self.assertRaisesRegex(DataError, "sop needs Stanford_Online_Products.zip"):
            self.prepare("sop")
        self.prepare("sop", ["Stanford_Online_Products.zip"])
        self.assertEqual(self.in_place(), _IN_PLACE["sop"])

    def test_another_packaging(self):
        other = packed("zip", {"CUB_200_2011/images.txt": b"1 a\n2 b"})
        (self.fetched / "CUB_200_2011.tgz").write_bytes(other)
        with self.assertRaisesRegex(DataError, "should have the MD5 sum .*pass --any_checksum"):
            self.prepare("cub", ["CUB_200_2011.tgz"])
        self.assertEmpty(self.in_place())
        (line,) = self.prepare("cub", ["CUB_200_2011.tgz"], any_checksum=True)
        self.assertIn(f"(MD5 {hashlib.md5(other).hexdigest()}, which is not the published one)", line)
        self.assertEqual(self.in_place(), {"CUB_200_2011/images.txt": b"1 a\n2 b"})
        # The published one takes its place: it has another size than what is recorded.
        (self.fetched / "CUB_200_2011.tgz").write_bytes(_ARCHIVES["CUB_200_2011.tgz"])
        self.prepare("cub", ["CUB_200_2011.tgz"])
        self.assertEqual(self.in_place(), _IN_PLACE["cub"])

    @parameterized.parameters(
        ("cub", (), "cub needs CUB_200_2011.tgz; give"),
        ("cars196", (), "cars196 needs car_ims.tgz and cars_annos.mat, or cars_train.tgz and cars_test.tgz and"),
        ("cars196", ("car_ims.tgz",), "cars196 needs cars_annos.mat, or "),
        ("cars196", ("cars_test.tgz",), "cars196 needs cars_train.tgz and car_devkit.tgz and cars_test_annos_with"),
        ("inshop", ("img.zip",), "inshop needs list_eval_partition.txt; give"),
        ("inshop", ("list_bbox_inshop.txt",), "inshop needs img.zip and list_eval_partition.txt; give"),
    )
    def test_a_missing_archive_is_asked_for_before_anything_is_done(self, name, archives, message):
        with self.assertRaisesRegex(DataError, message) as caught:
            self.prepare(name, archives)
        self.assertEndsWith(str(caught.exception), f"put it into {self.data_dir}. {sources.SOURCES[name].instructions}")
        self.assertEmpty(self.in_place())

    @parameterized.parameters(
        ("cars196", ("img.zip",), "img.zip is not an archive of this data set; these are: car_ims.tgz, "),
        ("cub", ("CUB_200_2011.tgz", "img.zip"), "img.zip is not an archive of this data set"),
        ("cub", ("CUB_200_2011.tgz", "./CUB_200_2011.tgz"), "CUB_200_2011.tgz was given twice"),
        ("cub", ("absent/CUB_200_2011.tgz",), "There is no file .*absent/CUB_200_2011.tgz; give the path of CUB"),
        ("cars196", ("car_ims.tgz", "cars_annos.mat", "car_devkit.tgz"), "car_devkit.tgz is of no use beside car_ims"),
    )
    def test_archives_that_do_not_fit(self, name, archives, message):
        with self.assertRaisesRegex(DataError, message):
            self.prepare(name, archives)
        self.assertEmpty(self.in_place())

    @parameterized.parameters("digits", "folder", "birds", "")
    def test_other_data_sets(self, name):
        with self.assertRaisesRegex(
            DataError,
            f"'{name}' is not prepared from archives; cub, cars196, sop, inshop are. Other data sets",
        ):
            self.prepare(name)
        self.assertFalse(self.data_dir.exists())

    def test_the_directory_is_a_file(self):
        with self.assertRaisesRegex(DataError, "must be a directory and is a file; pass another --data_dir"):
            prepare("cub", self.fetched / "img.zip", progress=silent)

    def test_two_at_a_time(self):
        self.data_dir.mkdir(parents=True)
        with open(self.data_dir / ".prepared.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self.assertRaisesRegex(DataError, f"Another process is preparing {re.escape(str(self.data_dir))}"):
                self.prepare("cub", ["CUB_200_2011.tgz"])
        self.prepare("cub", ["CUB_200_2011.tgz"])


class SourcesTest(tf.test.TestCase):
    def test_every_source_is_described(self):
        for name, source in sources.SOURCES.items():
            for archive in (*source.archives, *source.alternative):
                self.assertRegex(archive.md5 or "0" * 32, "^[0-9a-f]{32}$")
                self.assertIn(archive.file_name, source.instructions)
                self.assertEqual(archive.is_packed, archive.file_name.endswith((".tgz", ".zip")), archive.file_name)
            self.assertIn("https://", source.instructions, name)
