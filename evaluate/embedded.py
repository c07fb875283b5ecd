"""Examples with their embeddings by one network."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from datasets.examples import Examples
from datasets.images.image import read_all
from datasets.manifest import GALLERY, QUERY
from evaluate.metrics.registry import STANDARD
from evaluate.metrics.result import RetrievalResult
from evaluate.metrics.retrieval import evaluate_by_role, evaluate_reranked
from evaluate.verification import FMRS, Verification, verify_by_role


@dataclasses.dataclass(frozen=True, eq=False)
class Embedded:
    """Examples with their embeddings.

    Attributes:
      embeddings: [num, embedding_size], normalised.
      examples: the set that they are from.
      indices: [num] in ``examples``: images that cannot be read are missing.
    """

    embeddings: np.ndarray
    examples: Examples
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def labels(self) -> np.ndarray:
        """[num]."""
        return self.examples.labels[self.indices]

    @property
    def class_names(self) -> Sequence[str]:
        """By label."""
        return self.examples.class_names

    @property
    def queries(self) -> np.ndarray:
        """Places of the queries: of all, unless queries and gallery are separate."""
        roles = self.examples.roles[self.indices]
        return np.flatnonzero(roles == QUERY) if (roles == QUERY).any() else np.arange(len(self))

    @property
    def references(self) -> np.ndarray:
        """Places of what is searched: all, unless queries and gallery are separate."""
        roles = self.examples.roles[self.indices]
        return np.flatnonzero(roles == GALLERY) if (roles == QUERY).any() else np.arange(len(self))

    @functools.cached_property
    def result(self) -> RetrievalResult:
        """The standard retrieval scores, computed when they are first asked for."""
        return self.evaluate()

    def evaluate(self, metrics: Sequence[str] = STANDARD) -> RetrievalResult:
        """Retrieval scores, in the order of ``queries``; see ``evaluate_by_role``."""
        return evaluate_by_role(self.embeddings, self.labels, self.examples.roles[self.indices], metrics)

    def rerank(self, reranking: str, metrics: Sequence[str] = STANDARD) -> RetrievalResult:
        """Retrieval scores with the references in another order; see ``evaluate_reranked``."""
        return evaluate_reranked(self.embeddings, self.labels, self.examples.roles[self.indices], reranking, metrics)

    def verify(self, fmrs: Sequence[float] = FMRS, thresholds: Sequence[float] = ()) -> Verification:
        """Error rates over all pairs of a query and a reference; see ``verify_by_role``."""
        return verify_by_role(self.embeddings, self.labels, self.examples.roles[self.indices], fmrs, thresholds)

    def take(self, places: np.ndarray) -> Embedded:
        """Some of them."""
        return Embedded(self.embeddings[places], self.examples, self.indices[places])

    def name(self, place: int) -> str:
        """The name of an example's image."""
        return str(self.examples.images.names[self.indices[place]])

    def thumbnail(self, place: int, side: int = 96) -> np.ndarray:
        """An example's image in colour, its longer side scaled to ``side`` pixels: [height, width, 3] uint8."""
        pixels = read_all(self.examples.images.open(tf.constant(int(self.indices[place])))).numpy()
        image = Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).astype(np.uint8))
        scale = side / max(image.size)
        # Small pictures keep their hard pixels.
        method = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST
        return np.asarray(image.resize([max(1, round(length * scale)) for length in image.size], method))
