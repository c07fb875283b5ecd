"""Time of training and evaluation images, relative to bare decoding of the same files."""

from __future__ import annotations

import itertools
import pathlib
import tempfile
import time

import numpy as np
import tensorflow as tf

from benchmarks.figures import FigureBenchmark
from benchmarks.photographs import write_photographs, write_telephone_photographs
from benchmarks.timing import ratio, take_turns
from datasets.examples import Examples
from datasets.images.prepared import PreparedFiles
from datasets.images.sources import ImageFiles
from datasets.input.cache import CachedImages
from datasets.input.formats import Augmentation, ImageFormat
from datasets.input.pipelines import EvaluationImages, TrainingImages
from datasets.input.preprocessing import evaluation_image, training_image

FORMAT = ImageFormat(size=227, resize=256, channels=3)
NUM_CLASSES, PER_CLASS = 16, 20
BATCH = 32
# Each turn; long beside what is prefetched before it.
STEPS = 40
ROUNDS = 9
# 0.85 of the images per second is 1 / 0.85 of the time; 1.3 times the images per second is 1 / 1.3 of it.
MOST_TO_BARE, MOST_OF_EVALUATION, MOST_TO_WHOLE = 1 / 0.85, 1 / 0.6, 1 / 1.3
NUM_TELEPHONE, TELEPHONE_ROUNDS = 8, 9
MOST_TO_FULL_TRAINING, MOST_TO_FULL_EVALUATION, MOST_TO_SMALL = 1 / 2.5, 1 / 3, 1.2


class InputPipelineBenchmark(FigureBenchmark):
    def benchmark_time(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            examples = _examples(folder)
            files = [str(file) for file in examples.images.names]
            evaluation = EvaluationImages(examples, FORMAT)
            in_memory, on_disk = CachedImages(evaluation), CachedImages(evaluation, on_disk=True)
            sides = {
                "bare": _turn_of(_endless(_bare(files))),
                "training": _turn_of(_training_batches(examples)),
                "whole": _turn_of(_endless(_decode_whole_crop_resize(files, as_floats=True))),
                "whole bytes": _turn_of(_endless(_decode_whole_crop_resize(files, as_floats=False))),
                "evaluation": _passes_over(evaluation),
                "in memory": _passes_over(in_memory),
                "on disk": _passes_over(on_disk),
            }
            times = take_turns(sides, ROUNDS, warm_up=2)
        for clock in ("wall", "processor"):
            note = ", processor time" * (clock == "processor")
            side = {name: getattr(measured, clock) for name, measured in times.items()}
            training, bare = side["training"], side["bare"]
            self.record_ratio(f"training images{note}", "bare decoding", ratio(training, bare), MOST_TO_BARE)
            to = "decode whole to floats, crop, resize"
            self.record_ratio(f"training images{note}", to, ratio(training, side["whole"]), MOST_TO_WHOLE)
            to = "decode whole, crop, resize"
            self.record_ratio(f"training images{note}", to, ratio(training, side["whole bytes"]))
            self.record_ratio(
                f"evaluation images{note}", "bare decoding", ratio(side["evaluation"], bare), MOST_OF_EVALUATION
            )
            for place in ("in memory", "on disk"):
                name = f"evaluation images kept {place}{note}"
                self.record_ratio(name, "bare decoding", ratio(side[place], bare), MOST_TO_BARE)

    def benchmark_telephone(self):
        """Image by image in one thread: ahead of its turn, a pipeline would load what takes seconds."""
        with tempfile.TemporaryDirectory() as telephone, tempfile.TemporaryDirectory() as natural:
            large = _files(telephone, write_telephone_photographs(pathlib.Path(telephone), NUM_TELEPHONE))
            small = _files(natural, write_photographs(pathlib.Path(natural), NUM_TELEPHONE))
            kept = PreparedFiles(large, FORMAT.resize)
            on_disk = PreparedFiles(large, FORMAT.resize, pathlib.Path(telephone, "copies"))
            names = tf.constant([str(name) for name in large.names])
            sides = {
                "bare": _one_by_one(lambda index, _: _decode(names[index])),
                "training": _one_by_one(lambda index, seed: _training(large.open(index), seed)),
                "full training": _one_by_one(lambda index, seed: _training(_FullSize(large.open(index)), seed)),
                "evaluation": _one_by_one(lambda index, _: evaluation_image(large.open(index), FORMAT)),
                "full evaluation": _one_by_one(lambda index, _: evaluation_image(_FullSize(large.open(index)), FORMAT)),
                "kept": _one_by_one(lambda index, seed: _training(kept.open(index), seed)),
                "on disk": _one_by_one(lambda index, seed: _training(on_disk.open(index), seed)),
                "small": _one_by_one(lambda index, seed: _training(small.open(index), seed)),
            }
            times = take_turns(sides, TELEPHONE_ROUNDS, warm_up=2)
        side = {name: measured.processor for name, measured in times.items()}
        for name, full, goal in (
            ("training", "full training", MOST_TO_FULL_TRAINING),
            ("evaluation", "full evaluation", MOST_TO_FULL_EVALUATION),
        ):
            to = "the same decoded at full resolution"
            self.record_ratio(f"{name} images of a telephone, processor time", to, ratio(side[name], side[full]), goal)
            to = "bare decoding"
            self.record_ratio(f"{name} images of a telephone, processor time", to, ratio(side[name], side["bare"]))
        for name, place in (("kept", "in memory"), ("on disk", "on disk")):
            name_and_place = f"training images of a telephone kept {place}, processor time"
            self.record_ratio(
                name_and_place, "photographs of natural size", ratio(side[name], side["small"]), MOST_TO_SMALL
            )

    def benchmark_first_batch(self):
        """Of SOP's number of images; seconds, as an exception, since the goal is one."""
        with tempfile.TemporaryDirectory() as name:
            few = _examples(pathlib.Path(name))
            many = few.subset(np.resize(np.arange(len(few)), 59_551))
            labels = np.sort(np.resize(np.arange(11_318), len(many)))
            classes = tuple(map(str, range(11_318)))
            start = time.perf_counter()
            next(_training_batches(Examples(many.images, labels, classes, many.roles)))
            self.record_seconds("first batch of 59,551 images", time.perf_counter() - start, goal=2.0)


def _examples(folder: pathlib.Path) -> Examples:
    files = np.array(write_photographs(folder, NUM_CLASSES * PER_CLASS), object)
    labels = np.repeat(np.arange(NUM_CLASSES), PER_CLASS)
    names = tuple(map(str, range(NUM_CLASSES)))
    return Examples(ImageFiles(str(folder), files), labels, names, np.full(len(labels), ""))


class _FullSize:
    """An image that is never read at a lower resolution."""

    def __init__(self, image):
        self._image, self.size = image, image.size

    def read(self, window, at_least=None):
        return self._image.read(window)


def _files(folder: str, names: list[str]) -> ImageFiles:
    return ImageFiles(folder, np.array(names, object))


def _training(image, seed):
    return training_image(image, seed, FORMAT, Augmentation())


def _one_by_one(load):
    """Each of the telephone's photographs once; seeds differ from one time to the next."""
    graph = tf.function(load, input_signature=[tf.TensorSpec([], tf.int64), tf.TensorSpec([2], tf.int64)])
    seeds = itertools.count()
    return lambda: [graph(index, [index, next(seeds)]) for index in range(NUM_TELEPHONE)]


def _training_batches(examples: Examples):
    return TrainingImages(examples, FORMAT, Augmentation(), seed=0).batches(
        classes_per_batch=8, examples_per_class=4, steps_per_epoch=STEPS
    )


def _bare(files: list[str]) -> tf.data.Dataset:
    """Reads and decodes, and keeps one pixel of each image."""
    return tf.data.Dataset.from_tensor_slices(files).repeat().map(_decode, tf.data.AUTOTUNE).batch(BATCH)


def _decode(file):
    return tf.io.decode_jpeg(tf.io.read_file(file), channels=3, dct_method="INTEGER_ACCURATE")[0, 0]


def _decode_whole_crop_resize(files: list[str], as_floats: bool) -> tf.data.Dataset:
    """The plain way: every pixel decoded (and made a float), a random box cut out, resized, mirrored."""

    def load(file, seed):
        image = tf.io.decode_jpeg(tf.io.read_file(file), channels=3, dct_method="INTEGER_ACCURATE")
        if as_floats:
            image = tf.image.convert_image_dtype(image, tf.float32)
        begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
            tf.shape(image),
            tf.zeros([0, 0, 4]),
            seed,
            aspect_ratio_range=(0.75, 4 / 3),
            area_range=(0.16, 1.0),
            use_image_if_no_bounding_boxes=True,
        )
        image = tf.image.resize(tf.slice(image, begin, size), [FORMAT.size] * 2)
        return tf.image.stateless_random_flip_left_right(image, seed)

    seeds = tf.data.Dataset.counter().map(lambda i: tf.stack([i, i]))
    dataset = tf.data.Dataset.zip((tf.data.Dataset.from_tensor_slices(files).repeat(), seeds))
    return dataset.map(load, tf.data.AUTOTUNE).batch(BATCH)


def _endless(dataset: tf.data.Dataset):
    return iter(dataset.prefetch(2))


def _turn_of(batches):
    return lambda: [None for _ in itertools.islice(batches, STEPS)]


def _passes_over(images):
    """As many passes as make a turn's images."""
    return lambda: [None for _ in range(STEPS * BATCH // len(images.examples)) for _ in images]


if __name__ == "__main__":
    tf.test.main()
