"""An index of images: what it holds, what is reused, what is refused, and that a kill costs nothing."""

import json
import os
from unittest import mock

import numpy as np
from absl.testing import parameterized

from datasets.files import OutputError
from datasets.image_files import find_images
from experiments import image_index as module
from experiments import index_files
from experiments.image_index import index_images
from experiments.index_files import BusyError, ImageIndex, read_index, write_index
from models.serving.exported_model import ExportedModel
from models.serving.file_embedding import ImageError
from tests.support import pictures, served

_MODEL = []  # Loaded once for all tests.


class Killed(Exception):
    """In the place of a signal."""


class ImageIndexTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.images = self.folder / "images"
        self.images.mkdir()
        self.output = self.folder / "index"
        _MODEL or _MODEL.append(ExportedModel(served.exported()))

    def write(self, *names, first=0):
        """A digit for each name, in its order."""
        for index, name in enumerate(names, start=first):
            (self.images / name).parent.mkdir(exist_ok=True)
            (self.images / name).write_bytes(pictures.png_of(served.digit_images(20)[index]))

    def index(self, skip=False, output=None, images=None, overwrite=False, **options):
        images = str(images or self.images)
        options = {"flag": "--output", "keep_others": False, **options}
        return index_images(
            _MODEL[0], images, find_images(images), str(output or self.output), skip, overwrite, **options
        )

    def assert_written(self, names, digits):
        """The index holds these files, which are digits of these numbers."""
        expected = served.expected(served.digit_images(20))[list(digits)]
        np.testing.assert_allclose(np.load(self.output / "embeddings.npy"), expected, rtol=0, atol=1e-5)
        rows = [json.loads(line) for line in (self.output / "images.jsonl").read_text().splitlines()]
        self.assertEqual([row["name"] for row in rows], list(names))
        stats = [os.stat(self.images / name) for name in names]
        self.assertEqual([(row["size"], row["mtime_ns"]) for row in rows], [(s.st_size, s.st_mtime_ns) for s in stats])
        self.assertEqual([row["label"] for row in rows], [name.rpartition("/")[0] for name in names])
        description = json.loads((self.output / "index.json").read_text())
        self.assertEqual((description["num_images"], description["embedding_size"]), (len(names), 6))
        self.assertEqual(sorted(os.listdir(self.folder)), ["images", "index"])
        self.assertEqual(sorted(os.listdir(self.output)), [".lock", "embeddings.npy", "images.jsonl", "index.json"])

    def test_only_new_and_changed_images_are_embedded(self):
        self.write("a.png", "b.png", "one/c.png")
        self.assertEqual(self.index().reused, 0)
        self.assert_written(["a.png", "b.png", "one/c.png"], [0, 1, 2])
        with mock.patch.object(module, "write_index") as write:
            self.assertEqual(self.index().reused, 3)
        write.assert_not_called()
        (self.images / "a.png").unlink()
        self.write("b.png", "d.png", first=7)
        done = self.index()
        self.assertEqual(done.paths, [str(self.images / name) for name in ("b.png", "d.png", "one/c.png")])
        self.assertEqual(done.reused, 1)
        self.assert_written(["b.png", "d.png", "one/c.png"], [7, 8, 2])

    def test_killed_and_run_again_is_the_same(self):
        names = [f"{number:02}.png" for number in range(9)]
        self.write(*names)
        (self.images / "01.png").write_text("no image")
        with mock.patch.multiple(module, _FILES=4, _SECONDS=-1.0):
            self.index(skip=True)
            whole = {path.name: path.read_bytes() for path in self.output.iterdir()}
            calls = []

            def embed(signatures, paths, *args, **options):
                calls.append(len(paths))
                if len(calls) == 2:
                    raise Killed
                return real(signatures, paths, *args, **options)

            again, real = self.folder / "again", module.embed_files
            with mock.patch.object(module, "embed_files", embed):
                with self.assertRaises(Killed):
                    self.index(skip=True, output=again)
                self.assertLen(read_index(again).names, 3)
                done = self.index(skip=True, output=again)
        self.assertEqual(calls, [4, 4, 1, 4, 1])  # The one that cannot be read is tried again, by itself.
        self.assertEqual((done.reused, len(done.skipped)), (3, 1))
        self.assertEqual({path.name: path.read_bytes() for path in again.iterdir()}, whole)

    @parameterized.parameters(range(5))
    def test_a_write_that_is_cut_off_leaves_the_old_index_or_the_new_one(self, step):
        old = ImageIndex("/g", "m", ["a"], np.array([[1, 2]]), np.ones((1, 3), np.float32))
        new = old._replace(names=["a", "b/c"], stamps=np.array([[1, 2], [3, 4]]), embeddings=np.eye(2, 3, dtype="f4"))
        write_index(self.output, old)
        (self.output / "images.parquet").touch()
        replaced = []

        def replace(source, target):
            replaced.append(os.path.basename(target))
            if len(replaced) > step:
                raise Killed
            real(source, target)

        real = os.replace
        with mock.patch.object(os, "replace", replace), self.assertRaises(Killed):
            write_index(self.output, new)
        found = read_index(self.output)
        expected = new if step > 2 else old
        self.assertEqual(found[:3], expected[:3])
        np.testing.assert_array_equal(found.embeddings, expected.embeddings)
        np.testing.assert_array_equal(found.stamps, expected.stamps)
        self.assertNotIn("images.parquet", os.listdir(self.output))
        self.assertEqual(write_index(self.output, new)[:3], read_index(self.output)[:3])

    def test_an_index_of_something_else_is_overwritten_only_if_asked(self):
        self.write("a.png", "b.png")
        self.index()
        good = {name: (self.output / name).read_bytes() for name in ("embeddings.npy", "images.jsonl", "index.json")}
        description = json.loads(good["index.json"])

        def described(**changes):
            return "index.json", json.dumps({**description, **changes}).encode()

        middle = len(good["embeddings.npy"]) - 20
        for (name, contents), message in (
            (described(model="another"), "by another model"),
            (described(format=2), "of another format"),
            (described(sha256={}), "of another format"),
            (described(gallery=str(self.folder)[:-1]), None),
            (("index.json", b"notes"), "holds a damaged index"),
            (("index.json", None), "holds something else than an index"),
            (("images.jsonl", None), "damaged index .images.jsonl is not as it was written"),
            (("images.jsonl", good["images.jsonl"][:-1]), "damaged index"),
            (("embeddings.npy", good["embeddings.npy"][:middle] + b"damage"), "damaged index .embeddings.npy is not"),
        ):
            if contents is None:
                (self.output / name).unlink()
            else:
                (self.output / name).write_bytes(contents)
            if message:
                with self.assertRaisesRegex(OutputError, f"{message}.* Pass another --output, or --overwrite."):
                    self.index()
                with self.assertLogs("ccp") as logs:
                    self.assertEqual(self.index(overwrite=True).reused, 0)
                self.assertRegex(logs.output[0], message)
            else:  # The gallery has moved: it is not where it was.
                with self.assertLogs("ccp", "INFO") as logs:
                    self.assertEqual(self.index().reused, 2)
                self.assertIn("are now looked for in", logs.output[0])
            self.assert_written(["a.png", "b.png"], [0, 1])

    def test_files_are_no_index(self):
        self.write("a.png")
        self.output.write_text("embeddings of an earlier version")
        for overwrite in (False, True):
            with self.assertRaisesRegex(OutputError, "is a file, and an index is a directory. Pass another --output.$"):
                self.index(overwrite=overwrite)

    def test_another_gallery(self):
        self.write("a.png")
        self.index()
        other = self.folder / "images two"
        other.mkdir()
        (other / "b.png").write_bytes((self.images / "a.png").read_bytes())
        with self.assertRaisesRegex(OutputError, "holds embeddings of the images in .*images, not of those in .*two"):
            self.index(images=other, keep_others=True)

    def test_a_gallery_that_has_moved(self):
        self.write("one/a.png", "one/b.png")
        self.index()
        self.images = self.images.rename(self.folder / "moved")
        self.write("one/b.png", first=5)
        done = self.index()
        self.assertEqual((done.reused, done.index.gallery), (1, str(self.images)))
        self.assertEqual(
            read_index(self.output).paths, [str(self.images / "one" / name) for name in ("a.png", "b.png")]
        )

    def test_other_images_stay_or_are_refused(self):
        self.write("one/a.png", "two/b.png")
        self.index()
        before = (self.output / "index.json").stat().st_mtime_ns
        with self.assertRaisesRegex(OutputError, r"also holds embeddings of 1 other image, as one/a\.png"):
            self.index(images=self.images / "two")
        done = self.index(images=self.images / "two", keep_others=True)
        self.assertEqual((done.paths, done.reused), ([str(self.images / "two/b.png")], 1))
        np.testing.assert_allclose(done.embeddings, served.expected(served.digit_images(20))[[1]], rtol=0, atol=1e-5)
        self.assertEqual((self.output / "index.json").stat().st_mtime_ns, before)  # Nothing is new.
        self.write("two/c.png", first=5)
        self.assertEqual(self.index(images=self.images / "two/*.png", keep_others=True).reused, 1)
        self.assert_written(["one/a.png", "two/b.png", "two/c.png"], [0, 1, 5])

    def test_bad_images(self):
        self.write("a.png", "c.png")
        (self.images / "b.png").write_bytes(b"no image")
        with self.assertRaisesRegex(ImageError, r"b\.png cannot be read \(The file is no JPEG.*--on_error=skip"):
            self.index()
        self.assertFalse(self.output.exists())
        done = self.index(skip=True)
        self.assertEqual([path for path, _ in done.skipped], [str(self.images / "b.png")])
        self.assert_written(["a.png", "c.png"], [0, 1])
        (self.images / "a.png").write_text("no image")
        (self.images / "c.png").unlink()
        with self.assertRaisesRegex(ImageError, r"Of 2 files, as .*a\.png, none could be read as an image"):
            self.index(skip=True)

    def test_two_at_once(self):
        self.write("a.png")
        self.output.mkdir()
        with index_files.locked(self.output / ".lock"), self.assertRaisesRegex(BusyError, "written by another process"):
            self.index(overwrite=True)

    def test_no_place_for_the_output(self):
        self.write("a.png")
        with self.assertRaisesRegex(OutputError, "cannot be written; pass --output"):
            self.index(output=self.images / "a.png" / "index")

    def test_names_that_are_no_text(self):
        name = os.fsdecode(b"\xff.png")
        self.write(name)
        self.index()
        self.assertEqual(read_index(self.output).names, [name])
