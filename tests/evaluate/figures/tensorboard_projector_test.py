"""TensorBoard's projector, read back as TensorBoard reads it."""

from __future__ import annotations

from unittest import mock

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins import projector

from evaluate.figures import tensorboard_projector
from tests.support import pictures
from tests.support.made_up_run import embedded


class ProjectorTest(tf.test.TestCase):
    def test_files_fit_together(self):
        logs = pictures.folder_for(self)
        whole = embedded([0.5, -1.25, 1e-7, 3, 4], [0, 0, 1, 1, 1])
        config = text_format.Parse(
            tensorboard_projector.write(logs, whole, "unseen").read_text(), projector.ProjectorConfig()
        )
        (entry,) = config.embeddings
        self.assertEqual(entry.tensor_name, "unseen")
        vectors = [line.split("\t") for line in (logs / entry.tensor_path).read_text().splitlines()]
        self.assertAllClose(np.array(vectors, float), whole.embeddings, rtol=1e-5, atol=0.0)
        lines = (logs / entry.metadata_path).read_text().splitlines()
        self.assertEqual(lines[:2], ["class\timage", "class 0\timage 0"])
        self.assertEqual(lines[5], "class 1\timage 4")
        self.assertLen(lines, 1 + 5)
        # 5 pictures in 3 columns are 2 rows. Each is 6 × 4 of one brightness, so 48 high and 32 wide, on white.
        sprite = np.asarray(Image.open(logs / entry.sprite.image_path))
        side_x, side_y = entry.sprite.single_image_dim
        self.assertEqual((sprite.shape, side_x, side_y), ((2 * 48, 3 * 48, 3), 48, 48))
        for index in range(5):
            top, left = index // 3 * 48, index % 3 * 48
            self.assertAllEqual(sprite[top : top + 48, left + 8 : left + 40], np.full((48, 32, 3), index))
            self.assertAllEqual(sprite[top : top + 48, left : left + 8], np.full((48, 8, 3), 255))

    def test_names_do_not_break_lines_and_columns(self):
        logs = pictures.folder_for(self)
        whole = embedded([1, 2], [0, 1], class_names=("a\tb\nc", ""))
        tensorboard_projector.write(logs, whole, "all")
        lines = (logs / "projector" / "all" / "metadata.tsv").read_text().splitlines()
        self.assertEqual(lines[1:], ["a b c\timage 0", "–\timage 1"])

    def test_many_examples_are_thinned_out(self):
        logs = pictures.folder_for(self)
        with mock.patch.object(tensorboard_projector, "_MAX_POINTS", 100):
            tensorboard_projector.write(logs, embedded(np.arange(120), np.arange(120) % 6, size=(1, 1, 1)), "all")
        rows = (logs / "projector" / "all" / "tensors.tsv").read_text().splitlines()
        # 16 of the 20 examples of each of 6 classes: 100 // 6.
        self.assertLen(rows, 16 * 6)
        # 10 columns of 48 pixels; of as many examples as are shown otherwise, the sprite is not too large for browsers.
        self.assertEqual(Image.open(logs / "projector" / "all" / "sprite.png").width, 10 * 48)
        self.assertLess(np.ceil(tensorboard_projector._MAX_POINTS**0.5) * 48, 8192)


if __name__ == "__main__":
    tf.test.main()
