"""Pools of candidates drawn from training data."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from ccp.errors import ConfigError
from ccp.projection.projector import Candidates

# Of batches in which a class has not occurred, and is then said never to occur.
_BATCHES_PER_CLASS = 20


def candidates_from(
    draw_batches: Callable[[int, int], Iterable[tuple[tf.Tensor, tf.Tensor]]],
    embed: Callable[[tf.Tensor], tf.Tensor],
    num_classes: int,
) -> Candidates:
    """Candidates for a ``Projector``.

    Args:
      draw_batches: from a number of candidates per class and the number of the draw to batches of images and labels;
        they are read until every class has its candidates, or to their end.
      embed: images to embeddings, in inference mode.
      num_classes: labels are 0 … num_classes − 1.
    """

    def candidates(draw: int, per_class: int) -> tf.Tensor:
        found: list[list[np.ndarray]] = [[] for _ in range(num_classes)]
        missing = num_classes
        most = _BATCHES_PER_CLASS * num_classes * per_class
        for count, (images, labels) in enumerate(draw_batches(per_class, draw)):
            labels = np.asarray(labels).reshape(-1)
            _check_labels(labels, num_classes)
            wanted = [row for row, label in enumerate(labels) if len(found[label]) < per_class]
            if wanted:
                embeddings = np.asarray(embed(tf.gather(images, wanted)))
                for embedding, label in zip(embeddings, labels[wanted]):
                    if len(found[label]) < per_class:
                        found[label].append(embedding)
                        missing -= len(found[label]) == per_class
            if not missing or count >= most:
                break
        _check_all_found(found)
        # Embeddings repeat only in a class that has fewer.
        return tf.constant(np.stack([[of_class[at % len(of_class)] for at in range(per_class)] for of_class in found]))

    return candidates


def _check_labels(labels: np.ndarray, num_classes: int) -> None:
    if len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ConfigError(
            f"There are proxies of {num_classes} classes, for the labels 0 to {num_classes - 1}; the training data has "
            f"labels from {labels.min()} to {labels.max()}. Number the classes from 0, or make more proxies."
        )


def _check_all_found(found: list[list[np.ndarray]]) -> None:
    empty = [label for label, of_class in enumerate(found) if not of_class]
    if empty:
        shown = ", ".join(map(str, empty[:5])) + (", …" if len(empty) > 5 else "")
        raise ConfigError(
            f"New proxies need images of every class, and the training data has none of {len(empty)} of {len(found)} "
            f"classes ({shown}). Make proxies for as many classes as there are, or add images."
        )
