"""The report's page in a real browser without a network, on a telephone's screen and on a desk's."""

from __future__ import annotations

import io

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from tests.support import pictures, tiny_runs
from tests.support.browser import Browser, installed

_LOADED = "[...document.images].map(image => image.complete && image.naturalWidth)"
_WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
_WIDEST_IMAGE = "Math.max(...[...document.images].map(image => image.getBoundingClientRect().right))"
_GROUND = "getComputedStyle(document.body).backgroundColor"


class BrowserTest(parameterized.TestCase, tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        installed()  # Before anything is trained for it.
        several = [tiny_runs.digits("contrastive", seed) for seed in (0, 1)] + [tiny_runs.digits("ccp/contrastive")]
        one = tiny_runs.page(tiny_runs.photographs(), tsne=True)
        cls.pages = {"one": one, "several": tiny_runs.page(*several, several[0])}
        cls.browser = Browser(tiny_runs.home() / "profile")

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        super().tearDownClass()

    @parameterized.product(page=("one", "several"), width=(390, 1280), scheme=("light", "dark"))
    def test_opens_without_a_network_and_fits_the_screen(self, page, width, scheme):
        browser = self.browser
        browser.requested.clear()
        browser.failed.clear()
        browser.open(self.pages[page], width, scheme=scheme)
        loaded = browser.evaluate(_LOADED)
        self.assertGreaterEqual(len(loaded), 7)
        self.assertNotIn(0, loaded)
        self.assertNotIn(False, loaded)
        self.assertEqual(browser.evaluate(_WIDTHS), [width, width])
        self.assertLessEqual(browser.evaluate(_WIDEST_IMAGE), width)
        elsewhere = [address for address in browser.requested if not address.startswith(("file:", "data:"))]
        self.assertEqual((elsewhere, browser.failed), ([], []))

        screenshot = Image.open(io.BytesIO(browser.screenshot()))
        self.assertEqual(screenshot.size, (2 * width, 2 * 844))
        grey = np.asarray(screenshot.convert("L"))
        self.assertGreater(grey.std(), 10.0)  # Not blank.
        self.assertEqual(np.median(grey) > 128, scheme == "light", browser.evaluate(_GROUND))

    def test_tables_scroll_in_their_boxes(self):
        self.browser.open(self.pages["several"], 390)
        boxes = self.browser.evaluate(
            "[...document.querySelectorAll('.scroll')].map(box => [box.scrollWidth, box.clientWidth])"
        )
        self.assertTrue(any(inside > outside for inside, outside in boxes))
        self.assertLessEqual(max(outside for _, outside in boxes), 390)

    def test_there_is_no_network(self):
        page = pictures.folder_for(self) / "page.html"
        page.write_text("<img src='http://192.0.2.1/a.png'><img src='https://example.org/b.png'>")
        self.browser.open(page, 390)
        self.assertEqual(self.browser.evaluate(_LOADED), [0, 0])


if __name__ == "__main__":
    tf.test.main()
