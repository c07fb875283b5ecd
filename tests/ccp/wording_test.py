"""The words of messages."""

from absl.testing import parameterized

from ccp.wording import counted


class WordingTest(parameterized.TestCase):
    @parameterized.parameters(
        (0, "image", "0 images"), (1, "image", "1 image"), (2000, "class", "2,000 classes"), (2, "query", "2 queries")
    )
    def test_counted(self, number, noun, expected):
        self.assertEqual(counted(number, noun), expected)
