"""The sizes that the figures are measured at: those of the paper's data sets, with random contents."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

EMBEDDING_SIZE = 128
CLASSES_PER_BATCH, EXAMPLES_PER_CLASS = 8, 4
BATCH_SIZE = CLASSES_PER_BATCH * EXAMPLES_PER_CLASS


@dataclasses.dataclass(frozen=True)
class Size:
    """A training set as far as the proxies go."""

    name: str
    num_classes: int
    proxies_per_class: int
    candidates_per_class: int


CUB = Size("CUB", num_classes=100, proxies_per_class=8, candidates_per_class=12)
SOP = Size("SOP", num_classes=11_318, proxies_per_class=4, candidates_per_class=7)


def vectors(*shape: int, seed: int) -> tf.Tensor:
    """Random directions at norms from 0.7 to 1.3: inside the unit ball and outside, for ``lipschitz_normalize``."""
    random = np.random.default_rng(seed)
    directions = random.standard_normal(shape, dtype=np.float32)
    directions *= random.uniform(0.7, 1.3, (*shape[:-1], 1)) / np.linalg.norm(directions, axis=-1, keepdims=True)
    return tf.constant(directions)


def batch_labels(num_classes: int, seed: int = 0) -> tf.Tensor:
    """[BATCH_SIZE] int64: CLASSES_PER_BATCH classes, EXAMPLES_PER_CLASS of each."""
    classes = np.random.default_rng(seed).choice(num_classes, CLASSES_PER_BATCH, replace=False)
    return tf.constant(np.repeat(classes, EXAMPLES_PER_CLASS), tf.int64)
