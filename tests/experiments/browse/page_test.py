"""The page in a browser, where there is one, and what holds of its files without."""

import pathlib
import re
import shutil
import subprocess
import unittest

from absl.testing import absltest

from experiments.browse import server as module
from tests.support import browsed, pictures

_BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=8000", "--dump-dom"),
)
_FOLDER = pathlib.Path(module.__file__).parent


class PageTest(absltest.TestCase):
    def test_every_element_that_the_scripts_use_is_in_the_page(self):
        page = (_FOLDER / "page.html").read_text()
        used = {name for file in _FOLDER.glob("*.js") for name in re.findall(r'element\("(.*?)"\)', file.read_text())}
        self.assertGreater(len(used), 10)
        self.assertEmpty(used - set(re.findall(r' id="(.*?)"', page)))

    def test_every_file_is_served(self):
        served = {name for name, _ in module._FILES.values()}
        self.assertEqual(served, {path.name for path in _FOLDER.iterdir() if path.suffix in (".html", ".css", ".js")})

    @unittest.skipUnless(_BROWSER, "There is no browser.")
    def test_in_a_browser(self):
        folder = pictures.folder_for(self)
        gallery = browsed.gallery_in(folder / "gallery")
        with browsed.serving(gallery) as server:
            command = [_BROWSER, *_FLAGS, f"--user-data-dir={folder / 'profile'}", f"{server.url}#2"]
            shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        self.assertIn("6 images of 2 classes", shown)
        self.assertIn("Model colours · P@1 100.00 %", shown)
        self.assertIn("below 0.2200 same class, above 0.3000 different", shown)
        answers = shown.partition('<ol id="answers">')[2].partition("</ol>")[0]
        self.assertEqual(re.findall(r'src="/image/(\d)"', answers)[:2], ["3", "4"])
        self.assertEqual(re.findall(r'"distance">([\d.]+) <b class="(\w+)">', answers)[0], ("0.2000", "same"))
        self.assertIn("red · red/0.png", shown)
        self.assertIn("40% of these 5: red", shown)
        self.assertRegex(shown, r'<canvas id="map"[^>]* width="\d{3}')  # It is drawn.
        self.assertIn('<p id="status" role="status"></p>', shown.replace(' class=""', ""))


if __name__ == "__main__":
    absltest.main()
