"""Dominant and non-dominant centres of classes with several proxies, which show mislabelled images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class SubCenters(NamedTuple):
    """The centres of each class, and where each example is among them.

    Attributes:
      num_nearest: [num_classes, proxies_per_class] int64, how many examples of the class are nearest to each centre.
      dominant: [num_classes] int64, the centre of the class that most are nearest to; the first one of equals.
      nearest: [num] int64, the centre of its class that each example is nearest to.
      angles: [num] float64, of each example to its class's dominant centre, in degrees.
    """

    num_nearest: np.ndarray
    dominant: np.ndarray
    nearest: np.ndarray
    angles: np.ndarray

    def suspects(self, labels: np.ndarray, largest_angle: float) -> np.ndarray:
        """Examples that are perhaps mislabelled: [suspects] their places, those at the largest angle first.

        They are nearest to a non-dominant centre, or farther from the dominant one than ``largest_angle`` degrees.

        Args:
          labels: [num], as ``sub_centers`` was given.
          largest_angle: from 0 to 180.
        """
        apart = (self.nearest != self.dominant[labels]) | (self.angles > largest_angle)
        places = np.flatnonzero(apart)
        return places[np.argsort(-self.angles[places], kind="stable")]


def sub_centers(embeddings: np.ndarray, labels: np.ndarray, proxies: np.ndarray) -> SubCenters:
    """Finds each class's dominant centre, by angles.

    A network and several proxies per class that were trained with noisy labels gather clean examples around one of a
    class's proxies, and mislabelled ones around others (Deng et al., "Sub-center ArcFace", ECCV 2020, section 3.4).

    Args:
      embeddings: [num, embedding_size]. One of length 0 is at 90° to everything.
      labels: [num] integers.
      proxies: [num_classes, proxies_per_class, embedding_size].
    """
    embeddings, centers = _directions(embeddings), _directions(proxies)
    # By example and not by class: one tensor product of all pairs would be num · num_classes.
    cosines = np.einsum("nd,nkd->nk", embeddings, centers[labels])
    nearest = np.argmax(cosines, axis=1)
    num_nearest = np.zeros(proxies.shape[:2], np.int64)
    np.add.at(num_nearest, (labels, nearest), 1)
    dominant = np.argmax(num_nearest, axis=1)
    to_dominant = np.take_along_axis(cosines, dominant[labels][:, np.newaxis], axis=1)[:, 0]
    return SubCenters(num_nearest, dominant, nearest, np.degrees(np.arccos(np.clip(to_dominant, -1.0, 1.0))))


def _directions(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, np.float64)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
