"""Examples with their embeddings, and what they find among each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from PIL import Image
from scipy.spatial.distance import cdist

from datasets.examples import Examples
from datasets.images.image import read_all
from datasets.manifest import GALLERY, QUERY
from evaluate.figures.retrieval import Neighbors
from evaluate.metrics.retrieval import TITLES, per_query_metrics

_RANKED_BY = "map_at_r"


@dataclasses.dataclass(frozen=True, eq=False)
class Embedded:
    """Examples by one network.

    Attributes:
      embeddings: [num, embedding_size], normalised.
      labels: [num].
      class_names: by label.
      examples: where the pixels are.
      places: [num] which of the ``examples`` each embedding is of.
    """

    embeddings: np.ndarray
    labels: np.ndarray
    class_names: Sequence[str]
    examples: Examples
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def queries(self) -> np.ndarray:
        """Indices of what queries: all, unless the data set keeps queries apart."""
        roles = self.examples.roles[self.places]
        return np.flatnonzero(roles == QUERY) if (roles == QUERY).any() else np.arange(len(self))

    @property
    def gallery(self) -> np.ndarray | None:
        """Indices of what is searched; None where everything searches everything else."""
        roles = self.examples.roles[self.places]
        return np.flatnonzero(roles == GALLERY) if (roles == QUERY).any() else None

    def take(self, indices: np.ndarray) -> Embedded:
        """Some of them."""
        return dataclasses.replace(
            self, embeddings=self.embeddings[indices], labels=self.labels[indices], places=self.places[indices]
        )

    def name(self, index: int) -> str:
        """The name of an example's image."""
        return str(self.examples.images.names[self.places[index]])

    def thumbnail(self, index: int, side: int = 96) -> np.ndarray:
        """An example's image in colour, its longer side scaled to ``side`` pixels: [height, width, 3] uint8."""
        pixels = read_all(self.examples.images.open(tf.constant(int(self.places[index])))).numpy()
        image = Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).astype(np.uint8))
        scale = side / max(image.size)
        # Small pictures keep their hard pixels.
        how = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST
        return np.asarray(image.resize([max(1, round(length * scale)) for length in image.size], how))


def query_scores(embedded: Embedded) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """The metrics of each query that has a reference of its class.

    Returns:
      Their indices [num_queries], and by metric [num_queries].
    """
    queries, gallery = embedded.queries, embedded.gallery
    apart = () if gallery is None else (embedded.embeddings[gallery], embedded.labels[gallery])
    scores = per_query_metrics(embedded.embeddings[queries], embedded.labels[queries], *apart)
    valid = scores["num_relevant"] > 0
    return queries[valid], {name: scores[name][valid] for name in TITLES if name in scores}


def worst_classes(embedded: Embedded, most_classes: int = 8, most_found: int = 6) -> list[Neighbors]:
    """A query of each of the classes with the lowest MAP@R, the worst first, and what is nearest to it.

    The query is the class's median by MAP@R, so neither its best case nor its worst.
    """
    queries, scores = query_scores(embedded)
    labels, values = embedded.labels[queries], scores[_RANKED_BY]
    means = {label: values[labels == label].mean() for label in np.unique(labels)}
    rows = []
    for label in sorted(means, key=means.get)[:most_classes]:
        own = np.flatnonzero(labels == label)
        query = queries[own[np.argsort(values[own], kind="stable")[(len(own) - 1) // 2]]]
        found = _nearest(embedded, query, most_found)
        title = f"{embedded.class_names[label]}: {TITLES[_RANKED_BY]} {100 * means[label]:.1f} %, {len(own)} queries"
        rows.append(Neighbors(title, int(query), found, embedded.labels[found] == label))
    return rows


def _nearest(embedded: Embedded, query: int, count: int) -> np.ndarray:
    """Indices of the references nearest to a query, nearest first; the query is not among them."""
    references = np.arange(len(embedded)) if embedded.gallery is None else embedded.gallery
    references = references[references != query]
    distances = cdist(embedded.embeddings[[query]], embedded.embeddings[references])[0]
    return references[np.argsort(distances, kind="stable")[:count]]
