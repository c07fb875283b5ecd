"""Images read and embedded in blocks: how many at once, in which order, and what becomes of bad ones."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.serving.blocks import MOST_IMAGES, embed_in_blocks


@tf.function(input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([None], tf.int32)])
def _in_blocks(number, bad):
    """Images of one pixel, which are numbered from 1; 0 is padding."""

    def read(numbers):
        is_bad = tf.reduce_any(numbers[:, tf.newaxis] == bad, axis=1)
        return tf.cast(numbers, tf.float32)[:, tf.newaxis, tf.newaxis, tf.newaxis], ~is_bad

    def embed(images):
        """Each image's number, how many are embedded at once, and how many of these are padding."""
        numbers = images[:, 0, 0, 0]
        counts = [tf.size(numbers), tf.math.count_nonzero(numbers == 0.0, dtype=tf.int32)]
        return tf.stack([numbers, *(tf.ones_like(numbers) * tf.cast(count, tf.float32) for count in counts)], axis=1)

    return embed_in_blocks(read, embed, 3, tf.range(number) + 1)


class BlocksTest(parameterized.TestCase, tf.test.TestCase):
    # By number of images: 65 in two blocks are 33 and 32; 1,000 in 16 are 63, the last 55.
    @parameterized.parameters(
        (0, 0, 0), (1, 1, 0), (64, 64, 0), (65, 33, 1), (128, 64, 0), (130, 44, 2), (1000, 63, 8), (6401, 64, 63)
    )
    def test_balanced_and_padded(self, number, at_once, padding):
        self.assertEqual(MOST_IMAGES, 64)
        embeddings, good = _in_blocks(number, [0])
        self.assertAllEqual(embeddings[:, 0], np.arange(number) + 1)
        self.assertAllEqual(embeddings[:, 1], np.full(number, at_once))
        in_last = np.arange(number) >= number - (at_once - padding)
        self.assertAllEqual(embeddings[:, 2], np.where(in_last, padding, 0))
        self.assertAllEqual(good, np.full(number, True))

    def test_bad_ones(self):
        # Blocks of 44, 44 and 42. In the first, one is bad; in the last, all are.
        bad, numbers = np.array([7, *range(89, 131)]), np.arange(130) + 1
        embeddings, good = _in_blocks(130, bad)
        self.assertAllEqual(good, ~np.isin(numbers, bad))
        self.assertAllEqual(embeddings[:, 0], numbers)

    def test_shapes_are_known(self):
        embeddings, good = _in_blocks.get_concrete_function().structured_outputs
        self.assertEqual((embeddings.shape.as_list(), good.shape.as_list()), ([None, 3], [None]))
