"""A test case with TensorFlow's assertions, without its set-up."""

import tensorflow as tf
from absl.testing import parameterized


class TensorTest(parameterized.TestCase, tf.test.TestCase):
    """A test case that keeps compiled functions.

    ``tf.test.TestCase`` sets the global seed before each test, which discards them: a function that the tests of a
    module share is then compiled again in each, for a second or more. Here nothing is seeded.
    """

    test_session = None  # A deprecated method, which would count as a skipped test.

    def setUp(self):
        super(tf.test.TestCase, self).setUp()
