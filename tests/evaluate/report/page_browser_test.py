"""The report's page in a real browser without a network, on a phone's screen and on a desktop's."""

from __future__ import annotations

import io
import pathlib
import shutil
import tempfile

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from evaluate.report.page import render
from tests.support import made_up_run, pictures
from tests.support.browser import Browser, installed

_LOADED = "[...document.images].map(image => image.complete && image.naturalWidth)"
_WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
_WIDEST_IMAGE = "Math.max(...[...document.images].map(image => image.getBoundingClientRect().right))"
_BACKGROUND = "getComputedStyle(document.body).backgroundColor"


class BrowserTest(parameterized.TestCase, tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        installed()
        home = pathlib.Path(tempfile.mkdtemp())
        # A killed browser's children may still write into its profile.
        cls.addClassCleanup(shutil.rmtree, home, ignore_errors=True)
        runs = [made_up_run.run_facts(f"run, seed {seed}", seed, projects=seed > 0) for seed in (0, 1)]
        reports = {
            "one": made_up_run.report(runs[1], tsne=True),
            "several": made_up_run.report(*runs, repeats={"run (2 seeds)": runs}),
        }
        cls.pages = {name: home / f"{name}.html" for name in reports}
        for name, report in reports.items():
            cls.pages[name].write_text(render(report, home / name))
        cls.browser = Browser(home / "profile").__enter__()
        cls.addClassCleanup(cls.browser.__exit__)

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
        self.assertEqual(np.median(grey) > 128, scheme == "light", browser.evaluate(_BACKGROUND))

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
