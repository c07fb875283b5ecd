"""The page in a browser, where there is one, and what holds of its files without."""

import base64
import contextlib
import pathlib
import re
import unittest

from absl.testing import absltest

from experiments.browse import server as module
from tests.support import browsed, browser, pictures

_FOLDER = pathlib.Path(module.__file__).parent


class PageFilesTest(absltest.TestCase):
    def test_every_element_that_the_scripts_use_is_in_the_page(self):
        page = (_FOLDER / "page.html").read_text()
        used = {name for file in _FOLDER.glob("*.js") for name in re.findall(r'element\("(.*?)"\)', file.read_text())}
        self.assertGreater(len(used), 10)
        self.assertEmpty(used - set(re.findall(r' id="(.*?)"', page)))

    def test_every_file_is_served(self):
        served = {path for path, _ in module._FILES.values()}
        self.assertContainsSubset(
            {path for path in _FOLDER.iterdir() if path.suffix in (".html", ".css", ".js")}, served
        )
        page = (_FOLDER / "page.html").read_text()
        self.assertContainsSubset(re.findall(r'(?:href|src)="(/.*?)"', page), module._FILES)


@unittest.skipUnless(browser.CHROMIUM, "There is no browser.")
class PageTest(absltest.TestCase):
    """Real input, but for the clipboard, which may be another program's."""

    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        server = stack.enter_context(browsed.serving(browsed.gallery_in(self.folder / "gallery")))
        self.page = stack.enter_context(browser.open_page(self.folder / "profile"))
        self.page.send("Page.navigate", url=f"{server.url}#2")

    def test_searches_by_every_way_and_back(self):
        self.shows("red · red/0.png", "3, red, 0.2000 same")
        everything = self.page.run("document.documentElement.outerHTML")
        self.assertIn("6 images of 2 classes", everything)
        self.assertIn("Model colours · P@1 100.00 %", everything)
        self.assertIn("below 0.2200 same class, above 0.3000 different", everything)
        self.assertIn("40% of these 5: red", everything)
        self.page.wait_for("document.getElementById('map').width > 100")  # It is drawn.
        names = ["dropped.png", "chosen.png", "pasted.png"]
        for name, search in zip(names, (self.drop, self.choose, self.paste)):
            self.photograph = self.folder / name
            self.photograph.write_bytes(browsed.png((255, 0, 0)))
            search()
            self.shows(name, "2, red, 0.0000 same")
        self.page.run("document.querySelector('#answers li:nth-child(2) button').click()")
        self.shows("red · red/1.png", "2, red, 0.2000 same")
        for name in reversed(names):
            self.page.run("history.back()")
            self.shows(name, "2, red, 0.0000 same")
        self.page.run("history.back()")
        self.shows("red · red/0.png", "3, red, 0.2000 same")
        (self.folder / "chosen.png").unlink()
        self.page.run("history.go(2)")
        self.page.wait_for("document.getElementById('status').textContent.slice(0, 24)", "The server does not answ")
        self.photograph.write_text("no image")
        self.choose()
        self.page.wait_for("document.getElementById('status').textContent.slice(0, 24)", "This file cannot be read")
        self.click("camera")
        self.page.wait_for("document.getElementById('take').disabled", False)
        self.click("take")
        self.page.wait_for("document.querySelector('#answers .class').textContent", "green")  # As the camera shows.
        self.assertEqual(self.page.run("document.getElementById('name').textContent"), "A photograph by the camera")
        self.assertIsNone(self.page.run("document.getElementById('video').srcObject"))

    def shows(self, name, answer):
        """Waits for what is searched for and the first answer."""
        self.page.wait_for(
            "{ const answer = document.querySelector('#answers button'), text = (name) => answer.querySelector(name)"
            ".textContent; [document.getElementById('status').textContent, document.getElementById('name').textContent,"
            "answer.querySelector('img').src.split('/').pop(), text('.class'), text('.distance')].join(', ') }",
            f", {name}, {answer}",
        )

    def click(self, name):
        self.page.run(f"document.getElementById({name!r}).click()")

    def drop(self):
        data = {"items": [], "files": [str(self.photograph)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.page.send("Input.dispatchDragEvent", type=kind, x=200, y=200, data=data)

    def choose(self):
        node = self.page.send("Runtime.evaluate", expression="document.getElementById('file')")["result"]["objectId"]
        self.page.send("DOM.setFileInputFiles", files=[str(self.photograph)], objectId=node)

    def paste(self):
        contents, name = base64.b64encode(self.photograph.read_bytes()).decode(), self.photograph.name
        self.page.run(
            f"{{ const contents = Uint8Array.from(atob('{contents}'), (letter) => letter.charCodeAt());"
            f"const data = new DataTransfer(); data.items.add(new File([contents], '{name}'));"
            "document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data })); }"
        )


if __name__ == "__main__":
    absltest.main()
