"""Scores of a network on a fixed set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Union

import numpy as np
import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.training.batches import check_pairs
from ccp.training.retrieval_scores import retrieval_scores

_BATCH_SIZE = 64
# Scores of the network as it is now; or images and labels, or a dataset of batches of them, scored by retrieval.
Validation = Union[Callable[[], Mapping[str, float]], "tuple[Any, Any]", tf.data.Dataset]


def as_validation(model: tf.keras.Model, validate: Validation) -> Callable[[], Mapping[str, float]]:
    """A function that scores the network as it is now.

    Args:
      model: images to embeddings.
      validate: such a function, which is returned; or images and labels, or a dataset of batches of them.
    """
    if callable(validate):
        return validate
    embed = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)
    is_dataset = isinstance(validate, tf.data.Dataset)
    batches = validate if is_dataset else tf.data.Dataset.from_tensor_slices(tuple(validate)).batch(_BATCH_SIZE)
    check_pairs(batches)
    return lambda: scores_of(embed, batches)


def scores_of(
    embed: Callable[[tf.Tensor], tf.Tensor], batches: Iterable[tuple[tf.Tensor, tf.Tensor]]
) -> dict[str, float]:
    """Retrieval scores over all of a set; see ``retrieval_scores``.

    Args:
      embed: images to embeddings, in inference mode.
      batches: images and labels of the set.
    """
    embeddings, labels = [], []
    for images, batch_labels in batches:
        embeddings.append(lipschitz_normalize(embed(images)).numpy())
        labels.append(np.asarray(batch_labels))
    return retrieval_scores(np.concatenate(embeddings), np.concatenate(labels))
