"""Images that cannot be read, in training, candidate pools and evaluation: named, counted, and replaced or left out."""

import dataclasses
import itertools
import json

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets.input.bad_images import SKIP, BadImages
from datasets.input.formats import Augmentation, ImageFormat
from datasets.input.loading import Row, RowLoader, images_per_row
from datasets.input.pipelines import EvaluationImages, TrainingImages
from datasets.manifest import DataError
from tests.support import photographs, pictures
from tests.support.tensors import TensorTest

FORMAT = ImageFormat(16, 20, 3)
CLASSES, PER_CLASS = 4, 6
STEPS = 5


class BadImagesTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.paths = photographs.write(self.folder, CLASSES, PER_CLASS)
        self.good = photographs.examples(self.folder, self.paths)
        photographs.decode_simply(self)

    def spoil(self, *paths: str) -> set[str]:
        photographs.truncate(self.folder, paths)
        return set(paths)

    def training(self, bad_images=None, augmentation=None) -> TrainingImages:
        return TrainingImages(self.good, FORMAT, augmentation or Augmentation(), 0, bad_images)

    def batches(self, training: TrainingImages, epoch=0, count=2 * STEPS):
        batches = training.batches(classes_per_batch=2, examples_per_class=3, steps_per_epoch=STEPS, epoch=epoch)
        return [(images.numpy(), labels.numpy()) for images, labels in itertools.islice(batches, count)]

    def test_stops_and_names_the_image(self):
        self.spoil("2/3.jpg")
        training, evaluation = self.training(), EvaluationImages(self.good, FORMAT)
        for read in (
            lambda: self.batches(training),
            lambda: list(training.candidates(PER_CLASS, 0)),
            lambda: list(evaluation),
        ):
            with self.assertRaisesRegex(DataError, r"2/3\.jpg cannot be read \(.+\)\. Fix .*--on_bad_image"):
                read()
        (self.folder / "2" / "3.jpg").unlink()
        with self.assertRaisesRegex(DataError, r"2/3\.jpg cannot be read \(.*No such file"):
            list(evaluation)

    def test_training_continues_without(self):
        bad = BadImages(SKIP)
        training = self.training(bad)
        before = self.batches(training)
        spoilt = self.spoil("1/2.jpg", "3/0.jpg")
        after = self.batches(training)
        self.assertEqual(set(bad.found), spoilt)
        changed = 0
        for (images, labels), (expected, expected_labels) in zip(after, before):
            np.testing.assert_array_equal(labels, expected_labels)
            same = (images == expected).all(axis=(1, 2, 3))
            changed += (~same).sum()
            self.assertGreater(np.ptp(images, axis=(1, 2, 3)).min(), 10, "an image has become flat")
            # Only images of the classes that lost one are others.
            self.assertContainsSubset(set(labels[~same]), {1, 3})
        # 10 batches of 2 of 4 classes and half of each class's images: each image comes about 2.5 times.
        self.assertBetween(changed, 2, 10)

    def test_the_next_of_the_class_replaces_it(self):
        self.spoil("1/2.jpg", "1/3.jpg", "1/5.jpg")
        whole = Augmentation(min_crop_area=1.0, max_crop_aspect=1.0, flip=False)
        images = self.training(BadImages(SKIP), whole)
        pool = np.concatenate([batch.numpy() for batch in images.candidates(PER_CLASS, 0)])
        self.assertLen(pool, CLASSES * PER_CLASS)
        of_class_1 = pool[PER_CLASS : 2 * PER_CLASS]
        # 2 and 3 become 4, and 5 becomes 0: images 0 and 4 come twice and three times, 1 once.
        _, counts = np.unique(of_class_1.reshape(PER_CLASS, -1), axis=0, return_counts=True)
        self.assertEqual(sorted(counts), [1, 2, 3])

    def test_without_labels_the_next_image_takes_its_place_and_is_the_class(self):
        count = CLASSES * PER_CLASS
        names = tuple(map(str, self.good.images.paths))
        every_image = dataclasses.replace(self.good, labels=np.arange(count), class_names=names)
        spoilt = [1, 2, count - 1]
        self.spoil(*(names[i] for i in spoilt))
        training = TrainingImages(every_image, FORMAT, Augmentation(), 0, BadImages(SKIP))
        batches = training.batches(classes_per_batch=count, examples_per_class=2, steps_per_epoch=1)
        _, labels = next(batches)
        expected = np.full(count, 2)
        expected[spoilt] = 0
        expected[[0, 3]] = 4, 6  # The last one's next is the first.
        self.assertAllEqual(np.bincount(labels, minlength=count), expected)

    def test_what_is_known_changes_nothing(self):
        self.spoil("0/1.jpg", "2/2.jpg", "2/3.jpg")
        training = self.training(BadImages(SKIP))
        first = self.batches(training)
        for (images, _), (again, _) in zip(first, self.batches(training)):
            np.testing.assert_array_equal(images, again)
        # A training that resumes in the second epoch, knowing nothing, sees the same.
        resumed = self.batches(self.training(BadImages(SKIP)), epoch=1, count=STEPS)
        for (images, _), (again, _) in zip(first[STEPS:], resumed):
            np.testing.assert_array_equal(images, again)

    def test_a_class_without_a_readable_image(self):
        self.spoil(*(f"1/{i}.jpg" for i in range(PER_CLASS)))
        bad = BadImages(SKIP)
        training = self.training(bad)
        for _ in range(2):  # Found out, then known.
            with self.assertRaisesRegex(DataError, "every other image of its class cannot be read"):
                self.batches(training)
            self.assertLen(bad.found, PER_CLASS)

    def test_evaluation_leaves_out(self):
        whole = photographs.stacked(EvaluationImages(self.good, FORMAT))
        self.spoil("0/0.jpg", "3/5.jpg")
        bad = BadImages(SKIP)
        evaluation = EvaluationImages(self.good, FORMAT, bad)
        for _ in range(2):  # Found out, then known.
            rows = list(evaluation)
            kept = np.concatenate([indices for indices, _ in rows])
            np.testing.assert_array_equal(kept, np.arange(1, CLASSES * PER_CLASS - 1))
            np.testing.assert_array_equal(photographs.stacked(rows), whole[kept])
        self.assertLen(bad.found, 2)

    def test_nothing_can_be_read(self):
        self.spoil(*self.paths)
        self.assertEmpty(list(EvaluationImages(self.good, FORMAT, BadImages(SKIP))))

    def test_the_record_outlives_the_process(self):
        self.spoil("2/0.jpg")
        record = self.folder / "bad.jsonl"
        list(EvaluationImages(self.good, FORMAT, BadImages(SKIP, record)))
        lines = [json.loads(line) for line in record.read_text().splitlines()]
        self.assertEqual([line["path"] for line in lines], ["2/0.jpg"])
        with open(record, "a") as file:
            file.write('{"path": "torn')  # By a kill.
        later = BadImages(SKIP, record)
        self.assertEqual(later.found, {lines[0]["path"]: lines[0]["reason"]})
        later.report("3/3.jpg", "another reason")
        self.assertLen(BadImages(SKIP, record).found, 2)
        with self.assertRaisesRegex(DataError, "lists 2 images that this run has left out.*--on_bad_image=skip again"):
            BadImages("stop", record)

    def test_a_damaged_record_is_named(self):
        record = self.folder / "bad.jsonl"
        record.write_text("{}\n")
        with self.assertRaisesRegex(DataError, r"bad\.jsonl is damaged .*fix or delete the broken line"):
            BadImages(SKIP, record)

    def test_a_disk_that_is_gone_for_a_while_is_no_bad_image(self):
        bad = BadImages(SKIP)
        evaluation = EvaluationImages(self.good, FORMAT, bad)
        (self.folder / "1").rename(self.folder / "gone")
        with self.assertRaisesRegex(
            DataError, r"1/0\.jpg cannot be read \(.*training resumes from the last checkpoint"
        ):
            list(evaluation)
        (self.folder / "gone").rename(self.folder / "1")
        self.assertLen(photographs.stacked(evaluation), CLASSES * PER_CLASS)
        self.assertEmpty(bad.found)


class RowLoaderTest(TensorTest):
    def test_rows_of_any_length_in_order(self):
        random = np.random.default_rng(0)
        rows = [Row(random.integers(0, 50, n), random.integers(0, 99, (n, 2))) for n in random.integers(1, 9, 30)]
        loader = RowLoader(
            lambda index, seed: tf.cast(tf.stack([index, seed[0], seed[1]]), tf.float32),
            np.array([str(i) for i in range(50)], object),
            BadImages(),
        )(lambda: iter(rows))
        loaded = list(loader)
        self.assertLen(loaded, 30)
        for row, (indices, values) in zip(rows, loaded):
            np.testing.assert_array_equal(indices, row.indices)
            np.testing.assert_array_equal(values, np.column_stack([row.indices, row.seeds]))

    def test_an_error_in_any_row_hits_only_that_row(self):
        names = np.array([str(i) for i in range(40)], object)

        def load(index, _):
            with tf.control_dependencies([tf.debugging.Assert(index % 7 != 3, ["seventh"])]):
                return tf.cast(index, tf.float32)

        bad = BadImages(SKIP)
        rows = [Row(np.arange(at, at + 4), np.zeros([4, 2], np.int64)) for at in range(0, 40, 4)]
        kept = np.concatenate([values.numpy() for _, values in RowLoader(load, names, bad)(lambda: iter(rows))])
        np.testing.assert_array_equal(kept, [i for i in range(40) if i % 7 != 3])
        self.assertEqual(set(bad.found), {str(i) for i in range(3, 40, 7)})

    @parameterized.parameters((28 * 28, 256), (64 * 64 * 3, 256), (227 * 227 * 3, 32))
    def test_large_images_come_in_short_rows(self, values, expected):
        self.assertEqual(images_per_row(values), expected)
