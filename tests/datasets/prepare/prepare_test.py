"""From archives to a data set's directory, whichever way they come."""

import contextlib
import dataclasses
import functools
import hashlib
import http.server
import itertools
import shutil
import threading
from unittest import mock

from absl.testing import absltest, parameterized

from datasets.manifest import DataError
from datasets.prepare import sources
from datasets.prepare.prepare import prepare
from tests.support.packing import packed
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
    "GroceryStoreDataset-master.zip": packed("zip", {"GroceryStoreDataset-master/dataset/train.txt": b"a, 1, 1"}),
    "img.zip": packed("zip", {"img/WOMEN/1.jpg": b"dress", "img/MEN/2.jpg": b"coat"}),
    "list_eval_partition.txt": b"2\n",
    "list_bbox_inshop.txt": b"1\n",
}
_IN_PLACE = {
    "cub": {"CUB_200_2011/images.txt": b"1 a", "attributes.txt": b"1 colour"},
    "cars196": {"car_ims/000001.jpg": b"car", "cars_annos.mat": b"MATLAB"},
    "cars196 development kit": {
        "cars_train/00001.jpg": b"train",
        "cars_test/00001.jpg": b"test",
        "devkit/cars_train_annos.mat": b"MATLAB train",
        "cars_test_annos_withlabels.mat": b"MATLAB test",
    },
    "sop": {"Stanford_Online_Products/Ebay_train.txt": b"x"},
    "grocery": {"GroceryStoreDataset-master/dataset/train.txt": b"a, 1, 1"},
    "inshop": {
        "Img/img/WOMEN/1.jpg": b"dress",
        "Img/img/MEN/2.jpg": b"coat",
        "Eval/list_eval_partition.txt": b"2\n",
        "Anno/list_bbox_inshop.txt": b"1\n",
    },
}


def _with_checksum(archive: sources.Archive) -> sources.Archive:
    """The archive, with the checksum of the test's contents where one is published."""
    md5 = hashlib.md5(_ARCHIVES[archive.file_name]).hexdigest()
    return dataclasses.replace(archive, md5=md5 if archive.md5 else None)


class PrepareTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        folder = folder_for(self)
        self.fetched, self.data_dir = folder / "fetched", folder / "some" / "data"
        self.fetched.mkdir()
        for name, contents in _ARCHIVES.items():
            (self.fetched / name).write_bytes(contents)
        for name, source in sources.SOURCES.items():
            forms = tuple(tuple(map(_with_checksum, form)) for form in source.forms)
            patch = mock.patch.dict(sources.SOURCES, {name: dataclasses.replace(source, forms=forms)})
            patch.start()
            self.addCleanup(patch.stop)

    def prepare(self, name, archives=(), **options):
        return prepare(name, self.data_dir, [self.fetched / archive for archive in archives], **options)

    def in_place(self) -> dict[str, bytes]:
        paths = [path for path in self.data_dir.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.data_dir)): path.read_bytes() for path in paths}

    @contextlib.contextmanager
    def server(self):
        """An address below which the fetched archives are."""
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(self.fetched))
        silent = mock.patch.object(http.server.SimpleHTTPRequestHandler, "log_message")
        with silent, http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()

    @parameterized.parameters(*_IN_PLACE)
    def test_given_archives(self, form):
        name, _, is_alternative = form.partition(" ")
        names = [archive.file_name for archive in sources.SOURCES[name].forms[bool(is_alternative)]]
        for _ in range(2):  # The second time nothing changes.
            lines = self.prepare(name, names)
            self.assertEqual([line.split(":")[0] for line in lines], names)
            self.assertEqual(self.in_place(), _IN_PLACE[form])

    @parameterized.parameters(*sources.SOURCES)
    def test_archives_in_the_directory(self, name):
        names = [archive.file_name for archive in sources.SOURCES[name].forms[0]]
        self.data_dir.mkdir(parents=True)
        for archive in names:
            shutil.copy(self.fetched / archive, self.data_dir)
        self.prepare(name)
        self.assertEqual(self.in_place(), {**_IN_PLACE[name], **{archive: _ARCHIVES[archive] for archive in names}})

    def test_archives_in_their_folders_and_without_the_optional_one(self):
        for folder, archive in (("Img", "img.zip"), ("Eval", "list_eval_partition.txt")):
            (self.data_dir / folder).mkdir(parents=True)
            shutil.copy(self.fetched / archive, self.data_dir / folder)
        self.assertEqual(
            self.prepare("inshop"),
            [
                f"img.zip: 2 files in {self.data_dir / 'Img'} (no checksum is published)",
                f"list_eval_partition.txt: in {self.data_dir / 'Eval'} (no checksum is published)",
            ],
        )

    def test_a_lone_archive_by_another_name(self):
        (self.fetched / "CUB_200_2011.tgz").rename(self.fetched / "download (1)")
        lines = self.prepare("cub", ["download (1)"])
        self.assertEqual(lines, [f"CUB_200_2011.tgz: 2 files in {self.data_dir} (MD5 as published)"])
        self.assertEqual(self.in_place(), _IN_PLACE["cub"])

    def test_downloads(self):
        with self.server() as address:
            self.prepare("cars196", ["car_ims.tgz"], urls=[f"{address}/cars%5Fannos.mat?token=1"])
            self.assertEqual(self.in_place(), _IN_PLACE["cars196"])
            (self.fetched / "CUB_200_2011.tgz").write_bytes(b"<html>")
            for url, message in (
                (f"{address}/absent/CUB_200_2011.tgz", "404"),
                (f"{address}/CUB_200_2011.tgz", "hash"),
                ("gopher://host/CUB_200_2011.tgz", "gopher"),
            ):
                with self.assertRaisesRegex(DataError, f"{url} cannot be fetched .*{message}.*by other means and put"):
                    self.prepare("cub", urls=[url])
        self.assertEqual(self.in_place(), _IN_PLACE["cars196"])

    def test_another_packaging(self):
        other = packed("zip", {"CUB_200_2011/images.txt": b"1 a\n2 b"})
        (self.fetched / "CUB_200_2011.tgz").write_bytes(other)
        with self.assertRaisesRegex(DataError, "should have the MD5 sum .*pass --any_checksum"):
            self.prepare("cub", ["CUB_200_2011.tgz"])
        self.assertEqual(self.in_place(), {})
        (line,) = self.prepare("cub", ["CUB_200_2011.tgz"], any_checksum=True)
        self.assertIn(f"(MD5 {hashlib.md5(other).hexdigest()}, which is not the published one)", line)
        self.assertEqual(self.in_place(), {"CUB_200_2011/images.txt": b"1 a\n2 b"})

    @parameterized.parameters(
        ("cub", (), "cub needs CUB_200_2011.tgz; give"),
        ("cars196", (), "cars196 needs car_ims.tgz and cars_annos.mat, or cars_train.tgz and cars_test.tgz and"),
        ("cars196", ("car_ims.tgz",), "cars196 needs cars_annos.mat, or "),
        ("cars196", ("cars_test.tgz",), "cars196 needs cars_train.tgz and car_devkit.tgz and cars_test_annos_with"),
        ("inshop", ("list_bbox_inshop.txt",), "inshop needs img.zip and list_eval_partition.txt; give"),
    )
    def test_a_missing_archive_is_asked_for_before_anything_is_done(self, name, archives, message):
        with self.assertRaisesRegex(DataError, message) as caught:
            self.prepare(name, archives)
        self.assertEndsWith(str(caught.exception), f"put it into {self.data_dir}. {sources.SOURCES[name].instructions}")
        self.assertFalse(self.data_dir.exists())

    @parameterized.parameters(
        ("cars196", ("img.zip",), "img.zip is not an archive of this data set; these are: car_ims.tgz, "),
        ("cub", ("CUB_200_2011.tgz", "./CUB_200_2011.tgz"), "CUB_200_2011.tgz was given twice"),
        ("cub", ("absent/CUB_200_2011.tgz",), "There is no file .*absent/CUB_200_2011.tgz; give the path of CUB"),
        ("cars196", ("car_ims.tgz", "cars_annos.mat", "car_devkit.tgz"), "car_devkit.tgz is of no use beside car_ims"),
        ("digits", (), "'digits' is not prepared from archives; cub, cars196, sop, inshop, grocery are"),
    )
    def test_refusals(self, name, archives, message):
        with self.assertRaisesRegex(DataError, message):
            self.prepare(name, archives)
        self.assertEqual(self.in_place(), {})

    def test_the_directory_is_a_file(self):
        with self.assertRaisesRegex(DataError, "img.zip cannot be used .File exists.*pass another --data_dir"):
            prepare("cub", self.fetched / "img.zip", [self.fetched / "CUB_200_2011.tgz"])


class SourcesTest(absltest.TestCase):
    def test_every_source_is_described(self):
        for name, source in sources.SOURCES.items():
            for archive in itertools.chain(*source.forms):
                self.assertRegex(archive.md5 or "0" * 32, "^[0-9a-f]{32}$")
                self.assertIn(archive.file_name, source.instructions)
            self.assertIn("https://", source.instructions, name)


if __name__ == "__main__":
    absltest.main()
