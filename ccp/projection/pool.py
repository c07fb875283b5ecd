"""Pools of candidates for new proxies, drawn from training data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.balanced_dataset import source_of
from ccp.errors import ConfigError
from ccp.labels import class_labels
from ccp.projection.projector import Candidates

# A class that has not occurred after so many batches per candidate is missing.
_BATCHES_PER_CANDIDATE = 20


def candidates_from(model: tf.keras.Model, num_classes: int, batches: Any) -> Candidates:
    """Candidates for a ``Projector``, drawn from training batches and embedded by the network in inference mode.

    Batches are read until every class has its candidates; embeddings repeat only in a class that has fewer.

    Args:
      model: images to embeddings.
      num_classes: labels are 0 … num_classes − 1.
      batches: a ``tf.data.Dataset`` of (images, labels): what ``balanced_batches`` made is asked for exactly the
        candidates, any other is read from its beginning; or a function of (epoch, step), of which epoch t is read for
        the t-th projection.
    """
    embed = tf.function(lambda images: model(images, training=False), reduce_retracing=True)
    draw_batches = _drawn_from(batches)

    def candidates(draw: int, per_class: int) -> tf.Tensor:
        found: list[list[np.ndarray]] = [[] for _ in range(num_classes)]
        most = _BATCHES_PER_CANDIDATE * num_classes * per_class
        for count, (images, labels) in enumerate(draw_batches(draw, per_class), start=1):
            labels = class_labels(labels, len(images), "A batch")
            _check_labels(labels, num_classes)
            rows = [row for row, label in enumerate(labels) if len(found[label]) < per_class]
            if rows:
                for embedding, label in zip(np.asarray(embed(tf.gather(images, rows))), labels[rows]):
                    found[label].append(embedding)
            if count >= most or all(len(embeddings) >= per_class for embeddings in found):
                break
        _check_all_found(found)
        pools = [[embeddings[at % len(embeddings)] for at in range(per_class)] for embeddings in found]
        return tf.constant(np.array(pools))

    return candidates


def _drawn_from(batches: Any) -> Callable[[int, int], Iterable[tuple[tf.Tensor, tf.Tensor]]]:
    """A function of the number of the draw and the candidates per class."""
    source = source_of(batches)
    if source is not None:
        return source.candidates
    if isinstance(batches, tf.data.Dataset):
        return lambda draw, per_class: batches
    return lambda draw, per_class: batches(draw, 0)


def _check_labels(labels: np.ndarray, num_classes: int) -> None:
    if labels.dtype.kind == "U":
        raise ConfigError("Proxies are for numbered classes; got text labels. Number them from 0.")
    if len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ConfigError(
            f"There are proxies of {num_classes} classes, for the labels 0 to {num_classes - 1}; the training data has "
            f"labels from {labels.min()} to {labels.max()}. Number the classes from 0, or make proxies for all of them."
        )


def _check_all_found(found: list[list[np.ndarray]]) -> None:
    missing = [label for label, embeddings in enumerate(found) if not embeddings]
    if missing:
        labels = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise ConfigError(
            f"New proxies need images of every class; the training data has none of {len(missing)} of {len(found)} "
            f"classes (labels {labels}). Make proxies for fewer classes, or add images."
        )
