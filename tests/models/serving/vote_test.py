"""The class of most of the nearest images, in Python and in a graph."""

import tensorflow as tf
from absl.testing import parameterized

from models.serving.vote import vote, vote_in_graph


class VoteTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(
        (["a", "b", "b"], "b", 2 / 3),
        (["b", "a", "a", "b"], "b", 0.5),  # Of equally frequent ones that of the nearest.
        (["", "", "a"], "a", 1 / 3),
        (["", ""], "", 0.0),
        ([], "", 0.0),
    )
    def test_most(self, names, expected, share):
        self.assertEqual(vote(names), (expected, share))
        found, found_share = tf.function(vote_in_graph)(tf.constant(names, tf.string))
        self.assertEqual(found.numpy().decode(), expected)
        self.assertAlmostEqual(float(found_share), share)
