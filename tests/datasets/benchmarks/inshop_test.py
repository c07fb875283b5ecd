"""In-Shop Clothes Retrieval in its true layout and at its true size."""

from absl.testing import parameterized

from datasets.benchmarks import inshop
from datasets.checks import check, missing_files
from datasets.manifest import DataError
from tests.support import layouts, pictures
from tests.support.tensors import TensorTest

_PARTITION, _BOXES = "Eval/list_eval_partition.txt", "Anno/list_bbox_inshop.txt"


class FullTest(TensorTest):
    def test_all_of_it(self):
        manifest = layouts.load("inshop", layouts.full(self, "inshop"))
        check(manifest, inshop.EXPECTED)
        self.assertLen(manifest, 52712)
        self.assertLen(manifest.class_names, 3997 + 3985)
        self.assertAllEqual(manifest.splits == "train", manifest.labels < 3997)
        self.assertEqual(manifest.class_names[3997], "id_00003998")
        self.assertTrue(all(f"/{manifest.class_names[c]}/" in p for p, c in zip(manifest.paths, manifest.labels)))
        # Corners (3, 4) and (20 + i % 5, 25), listed in another order than the images.
        self.assertAllEqual(manifest.boxes[[0, 3, 52711]], [[3, 4, 20, 25], [3, 4, 23, 25], [3, 4, 21, 25]])


class SmallTest(TensorTest):
    """Items 1 and 2 of two images to train on; 3 and 4 with one query and two images of gallery each."""

    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.paths = layouts.inshop(self.folder, ((4, 2), (2, 2), (4, 2)))

    def load(self):
        return layouts.load("inshop", self.folder)

    def test_parts(self):
        manifest = self.load()
        self.assertEqual(list(manifest.paths), self.paths)
        self.assertAllEqual(manifest.labels, [0, 0, 1, 1, 2, 3, 2, 2, 3, 3])
        self.assertEqual(list(manifest.roles), [""] * 4 + ["query"] * 2 + ["gallery"] * 4)
        self.assertEqual(list(manifest.splits), ["train"] * 4 + ["test"] * 6)

    def test_images_without_the_folder_around_them(self):
        (self.folder / "Img" / "img").rename(self.folder / "img")
        manifest = self.load()
        self.assertEqual(list(manifest.paths), [path[len("Img/") :] for path in self.paths])
        self.assertEmpty(missing_files(manifest))
        # Where both are there the usual place wins.
        (self.folder / "Img" / "img").mkdir()
        self.assertEqual(list(self.load().paths), self.paths)

    def test_annotations_in_the_directory_itself(self):
        expected = self.load()
        for name in (_PARTITION, _BOXES):
            (self.folder / name).rename(self.folder / name.partition("/")[2])
        found = self.load()
        self.assertEqual(list(found.paths), list(expected.paths))
        self.assertAllEqual(found.boxes, expected.boxes)

    def test_without_boxes(self):
        (self.folder / _BOXES).unlink()
        self.assertIsNone(self.load().boxes)

    def test_no_partition(self):
        (self.folder / _PARTITION).unlink()
        with self.assertRaisesRegex(DataError, "inshop needs the file list_eval_partition.txt.*--dataset=inshop"):
            self.load()

    @parameterized.parameters(
        (_PARTITION, "10\n", "11\n", r"partition\.txt:1: expected the number of rows, which is 10; found '11'"),
        (_PARTITION, "id_00000003 query", "id_00000003 probe", r"partition\.txt:7: evaluation_status should be one of"),
        (_PARTITION, "img/WOMEN", "/img/WOMEN", r"partition\.txt:5: image_name should be below"),
        (_PARTITION, "000001_front", "000000_front", r"list_bbox_inshop\.txt:11: .*is not in|occurs twice"),
        (_PARTITION, "image_name item_id", "image_nam item_id", r"partition\.txt:2: expected the names of the columns"),
        (_BOXES, "10\n", "9\n", r"inshop\.txt:1: expected the number of rows, which is 10; found '9'"),
        (_BOXES, "000001_front", "000011_front", r"is not in .*(partition|inshop)\.txt"),
        (_BOXES, "003 004 021", "003 a 021", r"inshop\.txt:6: y_1 should be a number; found 'a'"),
    )
    def test_what_is_refused(self, name, old, new, message):
        layouts.change(self.folder / name, old, new)
        with self.assertRaisesRegex(DataError, message):
            self.load()
