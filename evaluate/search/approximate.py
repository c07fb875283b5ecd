"""Approximate search by FAISS: an index chosen by the gallery's size, and how many of the nearest it finds."""

from __future__ import annotations

import functools
import importlib.util
import os
from typing import Any, NamedTuple

import numpy as np

from evaluate.search.neighbors import Neighbors, nearest_neighbors

FLAT = "Flat"  # The kind that compares all.
# Up to so many images all are compared, then a graph is walked; more are cut into cells and compressed.
_MOST_FLAT, _MOST_GRAPH = 20_000, 1_000_000
_GRAPH_EFFORT = 128
_SAMPLES = 1_000  # Queries from which the recall is estimated.


class ApproximateIndex(NamedTuple):
    """A FAISS index of a gallery.

    Attributes:
      index: of faiss.
      kind: its description, as faiss' ``index_factory`` reads it.
    """

    index: Any
    kind: str

    def nearest(self, queries: np.ndarray, gallery: np.ndarray, k: int) -> Neighbors:
        """Nearly the ``k`` nearest of each query: several times as many by the index, put in order by their distances.

        Args:
          queries: [num_queries, embedding_size].
          gallery: [num_images, embedding_size], whose index it is.
          k: at most num_images.
        """
        more = min(max(100, 10 * k), len(gallery))
        candidates = self.index.search(np.ascontiguousarray(queries, np.float32), more)[1]
        found = Neighbors(np.empty((len(queries), k), np.int64), np.empty((len(queries), k)))
        for row, (query, places) in enumerate(zip(queries, candidates)):
            places = places[places >= 0]
            if len(places) < k:  # The cells that were looked into hold fewer.
                exact = nearest_neighbors(query[np.newaxis], gallery, k)
                found.indices[row], found.distances[row] = exact.indices[0], exact.distances[0]
                continue
            distances = np.linalg.norm(gallery[places].astype(np.float64) - query.astype(np.float64), axis=1)
            order = np.lexsort((places, distances))[:k]
            found.indices[row], found.distances[row] = places[order], distances[order]
        return found

    def recall(self, gallery: np.ndarray, k: int = 10) -> float:
        """The share of the exact ``k`` nearest images that it finds, of up to 1,000 images of the gallery itself.

        An image is not its own neighbour; one as near as the last of the exact ones counts as one of them.
        """
        k = min(k, len(gallery) - 1)
        if k < 1:
            return 1.0
        count = min(_SAMPLES, len(gallery))
        rows = np.random.default_rng(0).choice(len(gallery), count, replace=False)
        limits = _without(rows, nearest_neighbors(gallery[rows], gallery, k + 1), k)[:, -1:]
        found = _without(rows, self.nearest(gallery[rows], gallery, k + 1), k)
        return float(np.mean(found <= limits * (1 + 1e-9)))

    def save(self, path: str | os.PathLike) -> None:
        """Writes it as a file that ``faiss.read_index`` reads."""
        _faiss().write_index(self.index, os.fspath(path))


def is_available() -> bool:
    """Whether faiss is installed."""
    return importlib.util.find_spec("faiss") is not None


def build_approximate(gallery: np.ndarray) -> ApproximateIndex:
    """Builds the index of a gallery, [num_images, embedding_size] float32."""
    kind = kind_for(*gallery.shape)
    index = _faiss().index_factory(gallery.shape[1], kind)
    gallery = np.ascontiguousarray(gallery, np.float32)
    if not index.is_trained:
        count = min(len(gallery), 64 * index.nlist)
        index.train(gallery[np.random.default_rng(0).choice(len(gallery), count, replace=False)])
    if "HNSW" in kind:
        index.hnsw.efConstruction = 2 * _GRAPH_EFFORT
    index.add(gallery)
    return ApproximateIndex(_with_effort(index, kind), kind)


def load_approximate(path: str | os.PathLike, kind: str) -> ApproximateIndex:
    """Reads an index that ``save`` wrote.

    Raises:
      RuntimeError: the file is damaged.
    """
    return ApproximateIndex(_with_effort(_faiss().read_index(os.fspath(path)), kind), kind)


def kind_for(num_images: int, embedding_size: int) -> str:
    """Which index suits a gallery."""
    if num_images <= _MOST_FLAT:
        return FLAT
    if num_images <= _MOST_GRAPH:
        return "HNSW32,Flat"
    cells = 1 << int(np.log2(4 * np.sqrt(num_images)))
    parts = next(parts for parts in range(min(64, embedding_size), 0, -1) if embedding_size % parts == 0)
    return f"IVF{cells},PQ{parts}"


def _with_effort(index: Any, kind: str) -> Any:
    if kind.startswith("HNSW"):
        index.hnsw.efSearch = _GRAPH_EFFORT
    elif kind.startswith("IVF"):
        index.nprobe = max(8, index.nlist // 64)
    return index


def _without(rows: np.ndarray, found: Neighbors, k: int) -> np.ndarray:
    """[num_rows, k] distances of the nearest that are not the row itself."""
    is_other = found.indices != rows[:, np.newaxis]
    order = np.argsort(~is_other, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(found.distances, order, axis=1)


@functools.cache
def _faiss() -> Any:
    import faiss  # Not everywhere.

    return faiss
