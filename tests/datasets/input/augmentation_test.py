"""What augmentation does beside crops: against Pillow, SciPy and loops; what is drawn, by its statistics."""

from __future__ import annotations

import colorsys
import contextlib
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from datasets.images.image import DecodedImage
from datasets.input import augmentation as module
from datasets.input import colors, rand_augment, warps
from datasets.input.formats import Augmentation, ImageFormat
from datasets.input.preprocessing import training_image
from tests.support import pictures
from tests.support.tensors import TensorTest

_SIZE = 24
_FORMAT = ImageFormat(_SIZE, _SIZE, 3)
PHOTOGRAPH = np.asarray(pictures.photograph().resize((_SIZE + 16, _SIZE + 16)))
IMAGE = PHOTOGRAPH[:_SIZE, 8 : 8 + _SIZE]
EVERYTHING = Augmentation(
    rotation=20.0, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, grey=0.5, blur=0.5, randaugment=5.0
)


def changed(function, *arguments) -> np.ndarray:
    return np.asarray(function(tf.constant(IMAGE, tf.float32), *arguments))


def trained(seed: int, **settings) -> np.ndarray:
    large = ImageFormat(3 * _SIZE, 3 * _SIZE, 3)  # So large that a blur is seen.
    return training_image(DecodedImage(tf.constant(PHOTOGRAPH)), [0, seed], large, Augmentation(**settings)).numpy()


class ColorsTest(TensorTest):
    @parameterized.product(
        kind=(("brightness", "Brightness"), ("contrast", "Contrast"), ("saturation", "Color")), factor=(0.0, 0.6, 1.7)
    )
    def test_as_pillow(self, kind, factor):
        expected = getattr(ImageEnhance, kind[1])(Image.fromarray(IMAGE)).enhance(factor)
        # Pillow rounds the grey or the mean first, and then cuts fractions off.
        computed = changed(getattr(colors, kind[0]), factor)
        self.assertAllClose(computed, np.asarray(expected), rtol=0, atol=1 + abs(1 - factor))

    def test_hue_turns_the_circle(self):
        computed = changed(colors.hue, 0.2) / 255
        for pixel, expected in zip(computed[::5, ::5].reshape(-1, 3), IMAGE[::5, ::5].reshape(-1, 3) / 255):
            hue, saturation, value = colorsys.rgb_to_hsv(*expected)
            self.assertAllClose(pixel, colorsys.hsv_to_rgb((hue + 0.2) % 1, saturation, value), atol=1e-3)

    def test_grey(self):
        computed = changed(colors.without_color)
        self.assertAllClose(computed, np.stack([Image.fromarray(IMAGE).convert("L")] * 3, -1), rtol=0, atol=1)

    @parameterized.parameters("saturation", "hue", "without_color")
    def test_one_channel_has_no_color(self, name):
        grey = tf.constant(IMAGE[..., :1], tf.float32)
        amount = () if name == "without_color" else (0.3,)
        self.assertAllClose(getattr(colors, name)(grey, *amount), grey, atol=1e-4)


class WarpsTest(TensorTest):
    @parameterized.parameters(1, 2, 3)
    def test_quarters_of_a_turn(self, quarters):
        self.assertAllClose(changed(warps.rotated, 90.0 * quarters), np.rot90(IMAGE, quarters), rtol=0, atol=0.1)

    def test_moves_and_mirrors_what_is_beyond_the_edge(self):
        expected = np.concatenate([IMAGE[:, 5::-1], IMAGE[:, :-6]], axis=1)
        self.assertAllClose(changed(warps.translated, 0.25, 0.0), expected, rtol=0, atol=0.1)
        expected = np.concatenate([IMAGE[6:], IMAGE[:-7:-1]])
        self.assertAllClose(changed(warps.translated, 0.0, -0.25), expected, rtol=0, atol=0.1)

    def test_shears_about_the_middle(self):
        # Row y from the middle shows what is y to the side: half a pixel beyond the rows beside the middle.
        computed = changed(warps.sheared, 1.0, 0.0)
        middle = (_SIZE - 1) / 2
        for row, column in ((8, 14), (12, 11), (20, 9)):
            aside = row - middle
            low = int(np.floor(column + aside))
            expected = (IMAGE[row, low] * 1.0 + IMAGE[row, low + 1]) / 2
            self.assertAllClose(computed[row, column], expected, rtol=0, atol=0.1)

    @parameterized.parameters(0.3, 1.1)
    def test_blur(self, deviation):
        computed = changed(warps.blurred, deviation, 1.2)
        radius = 4 / deviation  # Three times 1.2 pixels, rounded up, in deviations.
        expected = [ndimage.gaussian_filter(IMAGE[..., c].astype(float), deviation, truncate=radius) for c in range(3)]
        self.assertAllClose(computed, np.stack(expected, -1), rtol=0, atol=0.05)

    @parameterized.parameters(0.0, 0.5, 1.9)
    def test_sharpness_as_pillow(self, factor):
        expected = np.asarray(ImageEnhance.Sharpness(Image.fromarray(IMAGE)).enhance(factor))
        self.assertAllClose(changed(warps.sharpness, factor)[1:-1, 1:-1], expected[1:-1, 1:-1], rtol=0, atol=2)


class RandAugmentTest(TensorTest):
    def operation(self, name, strength):
        return changed(getattr(rand_augment, name), strength, tf.constant(strength))

    def test_tables_as_pillow(self):
        picture = Image.fromarray(IMAGE)
        self.assertAllEqual(self.operation("_equalize", 1.0), ImageOps.equalize(picture))
        self.assertAllEqual(self.operation("_posterize", 0.5), ImageOps.posterize(picture, 6))
        self.assertAllEqual(self.operation("_posterize", 0.0), picture)
        self.assertAllEqual(self.operation("_solarize", 0.25), ImageOps.solarize(picture, 192))
        dim = picture.point(lambda value: 40 + value // 2)
        computed = rand_augment._auto_contrast(tf.constant(np.asarray(dim), tf.float32), 1.0, None)
        self.assertAllClose(computed, ImageOps.autocontrast(dim), rtol=0, atol=1)

    @parameterized.parameters(1, 3)
    def test_every_operation_of_every_image_stays_in_range(self, channels):
        for image in (IMAGE[..., :channels], np.zeros((_SIZE, _SIZE, channels)), np.full((_SIZE, 2, channels), 255)):
            for operation in rand_augment._OPERATIONS:
                for sign in (-1.0, 1.0):
                    result = operation(tf.constant(image, tf.float32), 1.0, tf.constant(sign)).numpy()
                    self.assertEqual(result.shape, image.shape)
                    self.assertTrue(np.isfinite(result).all())
                    self.assertBetween(result.min(), -1e-3, result.max())
                    self.assertLessEqual(result.max(), 255.01)

    def test_more_strength_changes_more(self):
        for operation in rand_augment._OPERATIONS[3:]:
            means = [
                np.abs(operation(tf.constant(IMAGE, tf.float32), share, tf.constant(share)) - IMAGE).mean()
                for share in (0.0, 0.3, 1.0)
            ]
            self.assertAllClose(means[0], 0.0, atol=0.01)
            self.assertGreater(means[2], means[1])
            self.assertGreater(means[1], 0.1)

    def test_two_operations_of_fourteen_evenly_with_either_sign(self):
        drawn = []

        def recording(number):
            return lambda image, share, signed: drawn.append((number, share, float(signed))) or image + 1.0

        with mock.patch.object(rand_augment, "_OPERATIONS", tuple(map(recording, range(14)))):
            images = [rand_augment.rand_augment(tf.zeros([1, 1, 1]), [0, seed], 5.0) for seed in range(300)]
        self.assertAllEqual(images, np.full((300, 1, 1, 1), 2.0))
        numbers, shares, signed = np.transpose(drawn)
        self.assertAllEqual(shares, np.full(600, 0.5))
        self.assertAllEqual(np.abs(signed), shares)
        # Each 600/14 = 43 times, deviation 6.3; half of these each way, deviation 3.3.
        for sign in (-0.5, 0.5):
            counts = np.bincount(numbers[signed == sign].astype(int), minlength=14)
            self.assertBetween(counts.min(), 21 - 16, 21)
            self.assertBetween(counts.max(), 21, 21 + 16)
        # The first says nothing of the second: both the same 300/14 = 21 times, deviation 4.5.
        self.assertBetween(np.sum(numbers[::2] == numbers[1::2]), 21 - 18, 21 + 18)

    @parameterized.parameters(
        (5, warps.rotated, (-15.0,)),
        (6, warps.sheared, (-0.15, 0.0)),
        (7, warps.sheared, (0.0, -0.15)),
        (8, warps.translated, (-0.15, 0.0)),
        (9, warps.translated, (0.0, -0.15)),
        (10, colors.saturation, (0.55,)),
        (11, colors.contrast, (0.55,)),
        (12, colors.brightness, (0.55,)),
        (13, warps.sharpness, (0.55,)),
    )
    def test_amounts_at_half_the_greatest_strength(self, number, change, amounts):
        operation = rand_augment._OPERATIONS[number]
        self.assertAllEqual(changed(operation, 0.5, tf.constant(-0.5)), changed(change, *amounts))


class TrainingImageTest(TensorTest):
    def test_each_alone_changes_an_image(self):
        plain = trained(6)
        for name in ("rotation", "brightness", "contrast", "saturation", "hue", "grey", "blur", "randaugment"):
            image = trained(6, **{name: 0.5 if name == "hue" else 1.0 if name in ("grey", "blur") else 0.9})
            self.assertEqual((image.shape, image.dtype), ((3 * _SIZE, 3 * _SIZE, 3), np.float32))
            self.assertGreater(np.abs(image - plain).max(), 1.0, name)

    def test_the_crop_and_other_draws_stay_as_they_are(self):
        # Never drawn: the image is as without.
        self.assertAllEqual(trained(3, grey=1e-9), trained(3))
        one, both = trained(3, brightness=0.5), trained(3, brightness=0.5, blur=1e-9, hue=1e-6)
        self.assertAllClose(one, both, rtol=0, atol=0.05)

    def test_follows_the_seed_in_a_pipeline_too(self):
        @tf.autograph.experimental.do_not_convert  # Which takes most of the time.
        def load(seed):
            return training_image(DecodedImage(tf.constant(PHOTOGRAPH)), seed, _FORMAT, EVERYTHING)

        seeds = tf.stack([tf.zeros(6, tf.int64), tf.range(6, dtype=tf.int64)], axis=1)
        dataset = tf.data.Dataset.from_tensor_slices(seeds).map(load, num_parallel_calls=2)
        first, again = np.stack(list(dataset)), np.stack(list(dataset))
        np.testing.assert_array_equal(first, again)
        self.assertLen({image.tobytes() for image in first}, 6)
        self.assertBetween(first.min(), -0.01, first.max())
        self.assertLessEqual(first.max(), 255.01)

    def test_what_is_drawn_for_an_image_of_112(self):
        """Amounts fill their ranges, shares of images are as asked for, and one draw says nothing of another."""
        amounts = {
            "rotated": (-20.0, 20.0),
            "brightness": (0.9, 1.1),
            "contrast": (0.8, 1.2),
            "saturation": (0.7, 1.3),
            "hue": (-0.05, 0.05),
            "blurred": (0.05, 1.0),  # Half of SimCLR's pixels.
        }
        kind = Augmentation(
            rotation=20.0, brightness=0.1, contrast=0.2, saturation=0.3, hue=0.05, grey=0.25, blur=0.5, randaugment=5.0
        )
        found, images = {name: np.full(300, np.nan) for name in (*amounts, "without_color")}, tf.zeros([112, 2, 3])
        of_rand_augment, largest = [], set()

        def recording(name):
            def change(image, amount=1.0, *others):
                found[name][seed] = amount
                largest.update(others)
                return image

            return change

        def drawn_by_rand_augment(image, seed, strength):
            of_rand_augment.append(tf.random.stateless_uniform([2], seed))
            return image

        with contextlib.ExitStack() as patches:
            for name in found:
                owner = warps if name in ("rotated", "blurred") else colors
                patches.enter_context(mock.patch.object(owner, name, recording(name)))
            patches.enter_context(mock.patch.object(module, "rand_augment", drawn_by_rand_augment))
            for seed in range(300):
                module.augmented(images, [0, seed], kind)
        self.assertEqual(largest, {1.0})
        for name, (low, high) in amounts.items():
            edge = 0.05 * (high - low)
            self.assertBetween(np.nanmin(found[name]), low - 1e-6, low + edge, name)
            self.assertBetween(np.nanmax(found[name]), high - edge, high + 1e-6, name)
        self.assertBetween(np.isfinite(found["blurred"]).sum(), 150 - 35, 150 + 35)  # Deviation 8.7.
        self.assertBetween(np.isfinite(found["without_color"]).sum(), 75 - 30, 75 + 30)  # Deviation 7.5.
        draws = [found[name] for name in amounts if name != "blurred"]
        draws += [np.isfinite(found[name]) for name in ("blurred", "without_color")]
        draws += list(np.transpose(of_rand_augment))
        draws += list(np.transpose([tf.random.stateless_uniform([5], [0, seed]) for seed in range(300)]))  # The crop's.
        related = np.abs(np.corrcoef(draws)) - np.eye(len(draws))
        self.assertLess(related.max(), 0.3)  # Deviation 0.06.
