"""Opening a gallery, by its images or by its index, and what is refused."""

from unittest import mock

import numpy as np
import tensorflow as tf

from ccp.errors import UserError
from datasets.files import OutputError
from experiments.browse import open_gallery
from experiments.browse import opening as module
from experiments.index_files import ImageIndex, write_index
from models.serving.exported_model import ExportedModel
from tests.support import pictures, served

_MODEL = []  # Loaded once for all tests.


class OpenGalleryTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        _MODEL or _MODEL.append(ExportedModel(served.exported()))
        loading = mock.patch.object(module, "ExportedModel", lambda _: _MODEL[0])
        loading.start()
        self.addCleanup(loading.stop)
        self.folder = pictures.folder_for(self)
        self.images, self.index = self.folder / "images", self.folder / "index"
        for number, pixels in enumerate(served.digit_images(12)):
            (self.images / str(number % 5)).mkdir(parents=True, exist_ok=True)
            (self.images / str(number % 5) / f"{number:02}.png").write_bytes(pictures.png_of(pixels))

    def test_a_gallery_then_its_index(self):
        gallery = open_gallery("model", str(self.images), str(self.index))
        self.assertEqual(gallery.images.directory, str(self.images))
        with mock.patch.object(module, "embed_contents", wraps=module.embed_contents) as embedding:
            again = open_gallery("model", index=str(self.index))
        embedding.assert_called_once()  # So that the first search does not wait for the model.
        self.assertEqual(again.about, gallery.about)
        self.assertEqual((gallery.about["images"], gallery.about["classes"]), (12, 5))
        self.assertEqual(gallery.about["threshold"], {"distance": 0.5, "low": 0.3, "high": 0.6, "fmr": 1e-3})
        number = gallery.images.paths.index(str(self.images / "2" / "07.png"))
        found = again.search((self.images / "2" / "07.png").read_bytes())
        self.assertEqual((found["answers"][0]["image"], found["answers"][0]["class"]), (number, "2"))
        self.assertNear(found["answers"][0]["distance"], 0.0, 1e-6)
        self.assertEqual(found["answers"][1:4], gallery.near(number)["answers"][:3])

    def test_refusals(self):
        write_index(self.index, ImageIndex("/gone", "another", ["a.png"], np.ones((1, 2), np.int64), np.ones((1, 6))))
        with self.assertRaisesRegex(OutputError, "by another model"):
            open_gallery("model", index=str(self.index))
        with self.assertRaisesRegex(OutputError, "There is no index"):
            open_gallery("model", index=str(self.folder / "none"))
        moved = ImageIndex("/gone", _MODEL[0].fingerprint, ["a.png"], np.ones((1, 2), np.int64), np.ones((1, 6)))
        write_index(self.index, moved)
        with self.assertRaisesRegex(OutputError, "not in /gone any more; pass their place as --gallery"):
            open_gallery("model", index=str(self.index))
        with self.assertRaisesRegex(UserError, "There is no file or directory"):
            open_gallery("model", str(self.folder / "none"))
