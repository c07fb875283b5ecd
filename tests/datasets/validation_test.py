"""Validation of data sets that are complete, incomplete, and damaged in every way."""

from unittest import mock

import numpy as np
from absl.testing import parameterized

from datasets.benchmarks import cub
from datasets.manifest import Counts
from datasets.settings import DataSettings
from datasets.validation import validate
from tests.support import layouts, photographs, pictures
from tests.support.tensors import TensorTest


class BenchmarkTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.home = pictures.folder_for(self)
        layouts.cub(self.home, ((40, 4), (30, 3)))
        counts = {"train": Counts(40, 4), "test": Counts(30, 3)}
        expected = mock.patch.object(cub, "EXPECTED", counts)
        expected.start()
        self.addCleanup(expected.stop)

    def validate(self, images=False, **settings):
        return validate(DataSettings(dataset="cub", data_dir=str(self.home), **settings), images)

    def test_whole(self):
        report = self.validate()
        self.assertTrue(report.as_expected)
        self.assertRegex(report.text, r"train +40 +4 +40 +4\n")
        self.assertRegex(report.text, r"test +30 +3 +30 +3\n")
        self.assertIn("cub: as it should be", report.text)
        self.assertIn("(note) images were not read", report.text)

    def test_in_part(self):
        images = sorted((self.home / "CUB_200_2011" / "images").rglob("*.jpg"))
        for path in images[-2:]:
            path.unlink()
        report = self.validate()
        self.assertFalse(report.as_expected)
        self.assertRegex(report.text, r"test +28 +3 +30 +3   differs\n")
        self.assertIn("- 2 image files missing in", report.text)
        self.assertIn(images[-1].name, report.text)
        self.assertIn("not as it should be; --allow_subset accepts less", report.text)
        allowed = self.validate(allow_subset=True)
        self.assertTrue(allowed.as_expected)
        self.assertIn("(note) 2 image files missing", allowed.text)
        self.assertIn("cub: a subset, as allowed", allowed.text)


class ImagesTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.paths = photographs.write(self.folder, num_classes=4, per_class=5)

    def validate(self, name="folder", **settings):
        return validate(DataSettings(dataset=name, data_dir=str(self.folder), **settings))

    @parameterized.parameters(False, True)
    def test_all_is_well(self, allow_subset):
        report = self.validate(allow_subset=allow_subset)
        self.assertTrue(report.as_expected)
        self.assertRegex(report.text, r"train +10 +2 +– +–\n")
        self.assertNotIn("- ", report.text.replace("–", ""))
        self.assertIn("folder: as it should be", report.text)
        self.assertRegex(report.text, r"images per class +min +median +max\ntrain +5 +5 +5\ntest +5 +5 +5\n")
        self.assertIn("train, by size: 0 (5), 1 (5)\n", report.text)

    def test_classes_of_one_image_are_noted(self):
        for number in range(4):
            (self.folder / "3" / f"{number}.jpg").unlink()
        report = self.validate()
        self.assertTrue(report.as_expected)
        self.assertIn("- (note) 1 of 2 test classes have a single image: 3. It has nothing to find", report.text)

    def test_unreadable_images_are_listed(self):
        photographs.truncate(self.folder, ["0/1.jpg"])
        (self.folder / "3" / "2.jpg").write_text("no image")
        report = self.validate()
        self.assertFalse(report.as_expected)
        self.assertIn("- 2 images cannot be read:", report.text)
        self.assertNotIn("--allow_subset", report.text)  # Which accepts no unreadable images.
        self.assertRegex(report.text, r"    .*0/1\.jpg: \w")
        self.assertRegex(report.text, r"    .*3/2\.jpg: \w")

    def test_damaged_images_that_can_be_read_are_noted(self):
        path = self.folder / "2" / "3.jpg"
        contents = bytearray(pictures.file_of(pictures.photograph(), "JPEG"))
        middle = len(contents) // 2
        contents[middle : middle + 6] = b"\x12\x34\x56\x78\x9a\xbc"
        path.write_bytes(contents)
        report = self.validate()
        self.assertTrue(report.as_expected)
        self.assertIn("- (note) 1 damaged JPEG file, used as far as readable:\n    2/3.jpg", report.text)

    def test_the_same_contents_in_two_classes_are_told(self):
        (self.folder / "2" / "0.jpg").write_bytes((self.folder / "0" / "0.jpg").read_bytes())
        (self.folder / "0" / "2.jpg").write_bytes((self.folder / "1" / "2.jpg").read_bytes())
        # In one class it is no matter.
        (self.folder / "1" / "1.jpg").write_bytes((self.folder / "1" / "0.jpg").read_bytes())
        report = self.validate()
        self.assertTrue(report.as_expected)
        self.assertIn(
            "(note) 1 image in test and in another split, which makes scores too high; leave one of each out:\n"
            "    0/0.jpg = 2/0.jpg",
            report.text,
        )
        self.assertIn(
            "(note) 1 image in more than one class or split under different names:\n    0/2.jpg = 1/2.jpg",
            report.text,
        )

    def test_the_same_contents_in_a_class_that_is_trained_on_and_tested_are_told(self):
        (self.folder / "1" / "1.jpg").write_bytes((self.folder / "1" / "0.jpg").read_bytes())
        report = self.validate(test_fraction=0.0)
        self.assertTrue(report.as_expected)
        self.assertRegex(report.text, "1 image present more than once: .* scores too high.*\n    1/0.jpg = 1/1.jpg")

    @parameterized.parameters(((5, 5, 61, 41), None), ((0, 0, 60, 40), None), ((10, 10, 75, 30), "75"))
    def test_boxes_that_reach_out(self, box, wrong):
        # Images are 60 × 40; a pixel may be lost to rounding.
        listing = self.folder / "list.csv"
        lines = ["path,label,left,top,right,bottom", *(f"{p},{p[0]},1,1,50,30" for p in self.paths[1:])]
        listing.write_text("\n".join([*lines, f"{self.paths[0]},0,{','.join(map(str, box))}"]))
        report = self.validate("csv", manifest=str(listing))
        self.assertEqual(report.as_expected, wrong is None)
        self.assertEqual("1 boxes extend beyond their image:\n    0/0.jpg" in report.text, wrong is not None)

    def test_images_in_memory_need_no_reading(self):
        report = validate(DataSettings(dataset="digits"))
        self.assertTrue(report.as_expected)
        self.assertNotIn("not read", report.text)
        np.testing.assert_equal(report.text.count("\n"), 11)
