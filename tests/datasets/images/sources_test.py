"""Where the images of a data set are."""

import numpy as np
from absl.testing import absltest

from datasets.images.sources import ImageFiles


class ImageFilesTest(absltest.TestCase):
    def test_names_are_joined_once(self):
        # Tables of all queries ask for one name at a time: joined anew, 60,000 of them would take an hour.
        files = ImageFiles("root", np.array(["a/1.jpg", "b/2.jpg"], object))
        self.assertEqual(list(files.names), ["root/a/1.jpg", "root/b/2.jpg"])
        self.assertIs(files.names, files.names)
