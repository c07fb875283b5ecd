"""Letters in 16 typefaces."""

import functools
import unicodedata
from unittest import mock

import numpy as np
import tensorflow as tf
from fontTools.ttLib import TTFont

from datasets.benchmarks import typefaces
from datasets.checks import check
from datasets.manifest import DataError
from datasets.settings import DataSettings

_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")


@functools.cache
def _manifest():
    return typefaces.load(DataSettings(dataset="typefaces"))


class ManifestTest(tf.test.TestCase):
    def test_counts(self):
        manifest = _manifest()
        check(manifest, typefaces.EXPECTED)
        # 368 letters of 16 faces, and 118.
        self.assertEqual({split: tuple(count) for split, count in manifest.counts().items()}["train"], (5888, 368))
        self.assertEqual({split: tuple(count) for split, count in manifest.counts().items()}["test"], (1888, 118))

    def test_names(self):
        manifest = _manifest()
        self.assertEqual((manifest.class_names[0], manifest.class_names[368 + 8]), ("A U+0041", "Γ U+0393"))
        self.assertEqual((manifest.paths[1], manifest.labels[1]), ("U+0041/DejaVuSans-Bold", 0))

    def test_only_latin_is_trained_on(self):
        for letters, scripts in ((typefaces.LATIN, _SCRIPTS[:1]), (typefaces.GREEK_AND_CYRILLIC, _SCRIPTS[1:])):
            for letter in letters:
                self.assertIn(unicodedata.name(letter).split()[0], scripts)

    def test_images(self):
        pixels = _manifest().pixels
        self.assertEqual((pixels.shape, pixels.dtype), ((7776, 28, 28, 1), np.uint8))
        ink = 255 - pixels[..., 0].astype(int)
        # Every letter has some, all of it within the image; the widest one (of 16 · 486) reaches the border.
        self.assertGreater(ink.sum((1, 2)).min(), 2000)
        border = np.concatenate([ink[:, 0], ink[:, -1], ink[:, :, 0], ink[:, :, -1]], axis=1)
        self.assertLessEqual(np.sum(border.max(1) > 128), 2)
        # In the middle, to half a pixel and the faint pixels that are left out.
        for axis in (1, 2):
            inked = (ink > 32).any(axis=3 - axis)
            first, last = inked.argmax(1), 27 - inked[:, ::-1].argmax(1)
            self.assertLessEqual(np.abs(first + last - 27).max(), 3)

    def test_the_same_each_time(self):
        self.assertEqual(typefaces.load(DataSettings(dataset="typefaces")).digest(), _manifest().digest())

    def test_without_matplotlibs_fonts(self):
        message = "/nowhere/fonts/ttf/DejaVuSans.ttf cannot be read.*Install Matplotlib from"
        no_fonts = mock.patch("matplotlib.get_data_path", return_value="/nowhere")
        with no_fonts, self.assertRaisesRegex(DataError, message):
            typefaces.load(DataSettings(dataset="typefaces"))


class LookAlikesTest(tf.test.TestCase):
    def test_the_rule_gives_the_letters(self):
        """All letters that every face has, but for those that look like an earlier one in some face."""
        fonts = [typefaces._font(face) for face in typefaces.FACES]
        shared = set.intersection(*(set(TTFont(font.path).getBestCmap()) for font in fonts))
        letters = [
            chr(code)
            for script in _SCRIPTS
            for code in sorted(shared)
            if unicodedata.category(chr(code)).startswith("L") and unicodedata.name(chr(code), "").startswith(script)
        ]
        self.assertLen(letters, 556)
        alike = np.zeros(len(letters), bool)
        for font in fonts:
            ink = 255.0 - np.stack([typefaces.draw(letter, font) for letter in letters]).reshape(len(letters), -1)
            amount = ink.sum(1)
            for place in range(1, len(letters)):
                difference = np.abs(ink[:place] - ink[place]).sum(1) / np.minimum(amount[:place], amount[place])
                alike[place] |= difference.min() < 0.03
        kept = "".join(letter for letter, is_alike in zip(letters, alike) if not is_alike)
        self.assertEqual(kept, typefaces.LATIN + typefaces.GREEK_AND_CYRILLIC)


if __name__ == "__main__":
    tf.test.main()
