"""What the page is told of a gallery, and which of its images it is shown."""

import io
import os
from unittest import mock

import numpy as np
from absl.testing import parameterized
from PIL import Image

from datasets.manifest import DataError
from experiments.browse import gallery as module
from experiments.browse.gallery import BrowsedGallery, UnreadableError
from tests.support import browsed, pictures


class AnswersTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.gallery = browsed.gallery_in(self.folder)

    def test_the_nearest_of_a_file(self):
        found = self.gallery.search(browsed.png((255, 0, 0)))
        first, second, third, *others = found["answers"]
        self.assertEqual(first, {"image": 2, "name": "red/0.png", "class": "red", "distance": 0.0, "verdict": "same"})
        # One step of 51 levels is 0.2: below the interval from 0.22 to 0.3; √2 of it, 0.283, is within.
        self.assertEqual((second["image"], second["distance"], second["verdict"]), (3, 0.2, "same"))
        self.assertEqual((third["image"], third["distance"], third["verdict"]), (4, 0.2828, "unsure"))
        self.assertEqual([answer["verdict"] for answer in others], ["different"] * 3)
        votes = [(vote["class_name"], round(vote["share"], 3)) for vote in found["votes"]]
        self.assertEqual(votes[:4], [("red", 1.0), ("red", 1.0), ("red", 1.0), ("red", 0.75)])
        self.assertEqual(found["place"], self.place(2))

    def test_the_nearest_of_an_image_leave_it_out(self):
        found = self.gallery.near(3)
        self.assertEqual(found["query"], {"image": 3, "name": "red/1.png", "class": "red"})
        self.assertEqual([answer["image"] for answer in found["answers"]][:2], [2, 4])
        self.assertLen(found["answers"], 5)
        same = self.gallery.images.embeddings[[0, 1, 2, 2, 4, 5]]  # The third and the fourth: which is first is open.
        gallery = BrowsedGallery(self.gallery.images._replace(embeddings=same), None, None, {})
        for number, other in ((2, 3), (3, 2)):
            answers = [answer["image"] for answer in gallery.near(number)["answers"]]
            self.assertEqual((answers[0], len(answers)), (other, 5))

    def test_no_more_than_the_most(self):
        with mock.patch.object(module, "MOST_ANSWERS", 2):
            self.assertLen(self.gallery.near(3)["answers"], 2)
            self.assertLen(self.gallery.search(browsed.png((0, 0, 0)))["answers"], 2)

    def test_without_a_threshold_there_are_no_verdicts(self):
        gallery = browsed.gallery_in(self.folder, threshold=None)
        self.assertIsNone(gallery.about["threshold"])
        self.assertNotIn("verdict", gallery.near(0)["answers"][0])

    def test_files_are_decoded_as_everywhere(self):
        colour = Image.new("RGB", (8, 8), (0, 204, 0))
        for kind in ("BMP", "TIFF", "GIF"):  # Which the model does not read.
            found = self.gallery.search(pictures.file_of(colour, kind))
            self.assertEqual(found["answers"][0]["image"], 1, kind)
        for contents in (b"", b"no image", browsed.png((0, 0, 0))[:40]):
            with self.assertRaisesRegex(UnreadableError, "cannot be read as an image"):
                self.gallery.search(contents)

    def test_the_map(self):
        shown = self.gallery.map
        self.assertEqual(shown["classes"], ["", "green", "red"])
        self.assertEqual(shown["class"], [1, 1, 2, 2, 2, 0])
        places = np.array([shown["x"], shown["y"]]).T
        self.assertEqual((places.min(), places.max()), (0, 1000))
        np.testing.assert_allclose(places.min(axis=0) + places.max(axis=0), 1000, atol=1)  # In the middle.
        self.assertLess(np.linalg.norm(places[2] - places[3]), np.linalg.norm(places[2] - places[0]))

    def place(self, number):
        return [self.gallery.map["x"][number], self.gallery.map["y"][number]]

    def test_thumbnails_are_small_and_anew(self):
        Image.effect_noise((900, 600), 50).save(self.folder / "green" / "0.png")
        for number, kind, size in ((0, "JPEG", (320, 213)), (1, "PNG", (8, 8))):
            name, contents = self.gallery.thumbnail(number)
            self.assertEqual(name, f"image/{kind.lower()}")
            with Image.open(io.BytesIO(contents)) as image:
                self.assertEqual((image.format, image.size), (kind, size))

    def test_nothing_outside_the_gallery_is_shown(self):
        outside = pictures.folder_for(self)
        (outside / "secret.png").write_bytes(browsed.png((1, 2, 3)))
        (self.folder / "red" / "0.png").unlink()
        (self.folder / "red" / "0.png").symlink_to(outside / "secret.png")
        (self.folder / "red" / "1.png").unlink()
        (self.folder / "red" / "1.png").symlink_to("../green/0.png")
        with self.assertRaisesRegex(DataError, "leads out of the gallery"):
            self.gallery.thumbnail(2)
        self.assertEqual(self.gallery.thumbnail(3), self.gallery.thumbnail(0))
        linked = pictures.folder_for(self) / "linked"
        linked.symlink_to(self.folder)
        self.assertEqual(browsed.opened(linked).thumbnail(3), self.gallery.thumbnail(3))
        beside = self.folder.parent / f"{self.folder.name}2"  # Its path starts like the gallery's.
        names = ["../" * 20 + str(outside / "secret.png")[1:], str(outside / "secret.png"), f"../{beside.name}/a.png"]
        for name in names:
            self.gallery.images.paths[0] = os.path.join(self.folder, name)
            self.gallery.thumbnail.cache_clear()
            with self.assertRaisesRegex(DataError, "leads out of the gallery"):
                self.gallery.thumbnail(0)

    def test_an_image_that_is_gone_or_damaged(self):
        (self.folder / "green" / "0.png").unlink()
        (self.folder / "green" / "1.png").write_text("no image")
        for number in (0, 1):
            with self.assertRaises(DataError):
                self.gallery.thumbnail(number)
