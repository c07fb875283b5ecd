"""The class that most of the nearest images have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf


class Vote(NamedTuple):
    """The class of most of the nearest images.

    Attributes:
      class_name: of equally frequent ones that with the nearest image; empty if the class of no image is known.
      share: of the images, also of those of unknown class.
    """

    class_name: str
    share: float


def vote(class_names: Sequence[str]) -> Vote:
    """The vote of images whose classes are given, nearest first; empty names are unknown classes."""
    counts = Counter(name for name in class_names if name)
    if not counts:
        return Vote("", 0.0)
    name, count = counts.most_common(1)[0]  # Of equal counts the first that occurred.
    return Vote(name, count / len(class_names))


def vote_in_graph(labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The same for the class names [k] string: the name [] string and the share [] float32."""
    names, _, counts = tf.unique_with_counts(tf.boolean_mask(labels, labels != ""))
    # With one more, of count 0, there is always a first one. Names are in the order of their first image.
    names, counts = tf.concat([names, [""]], axis=0), tf.pad(counts, [[0, 1]])
    first = tf.argmax(counts)
    share = tf.cast(counts[first], tf.float32) / tf.cast(tf.maximum(tf.size(labels), 1), tf.float32)
    return names[first], share
