"""What several processes read of one data set between them."""

from __future__ import annotations

import itertools
import types

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.distribution.cluster import Cluster
from ccp.distribution.replicas import Replicas
from datasets.input.formats import Augmentation, ImageFormat
from datasets.input.pipelines import EvaluationImages, TrainingImages
from datasets.reading import load
from datasets.settings import DataSettings
from datasets.splits import make_splits
from tests.support.tensors import TensorTest


def _share(workers: int, worker: int):
    """Of one of several processes with a device each."""
    return Replicas(types.SimpleNamespace(num_replicas_in_sync=workers), Cluster(workers, worker)).share


class SharesTest(TensorTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.splits = make_splits(load(DataSettings()), "images", 0)
        cls.format = ImageFormat(8, 8, 1)

    # 15 images over 2 and over 4 are uneven.
    @parameterized.parameters(2, 4)
    def test_training_batches_and_pools(self, workers):
        def rows(share):
            images = TrainingImages(self.splits.train, self.format, Augmentation(), 3, share=share)
            batches = images.batches(classes_per_batch=5, examples_per_class=3, steps_per_epoch=2, epoch=1, step=1)
            pool = [np.zeros([0, 8, 8, 1], np.float32), *(part.numpy() for part in images.candidates(3, draw=1))]
            return [(b.numpy(), labels.numpy()) for b, labels in itertools.islice(batches, 3)], np.concatenate(pool)

        whole, pool = rows(slice)
        parts = [rows(_share(workers, worker)) for worker in range(workers)]
        for step, (images, labels) in enumerate(whole):
            self.assertAllEqual(np.concatenate([batches[step][0] for batches, _ in parts]), images)
            self.assertAllEqual(np.concatenate([batches[step][1] for batches, _ in parts]), labels)
            sizes = [len(batches[step][1]) for batches, _ in parts]
            self.assertEqual((sum(sizes), max(sizes) - min(sizes)), (15, 1))
        self.assertAllEqual(np.concatenate([part for _, part in parts]), pool)

    @parameterized.parameters((2, 7), (4, 7), (4, 3))
    def test_evaluated_images(self, workers, count):
        examples = self.splits.test.subset(np.arange(count))
        read = [
            [indices for indices, _ in EvaluationImages(examples, self.format, share=_share(workers, worker))]
            for worker in range(workers)
        ]
        # Of three images one of four processes has none.
        self.assertAllEqual(np.concatenate([row for rows in read for row in rows]), np.arange(count))
        self.assertEqual(sum(not rows for rows in read), max(workers - count, 0))


if __name__ == "__main__":
    tf.test.main()
