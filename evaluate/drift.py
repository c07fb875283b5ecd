"""Whether recent queries lie as far from the gallery as queries did when all was well."""

from __future__ import annotations

import lzma
import os
import zlib
from typing import NamedTuple

import numpy as np
from scipy.stats import ks_2samp

from ccp.errors import UserError
from evaluate.npz import NpzError, read_npz
from evaluate.retrieval.search import nearest_references

BINS = 10
# Where nothing has changed the index is above 0.25 three times in a thousand for 200 and 200, and 150 for 100 and 100.
FEWEST = 200
_FAR = 0.99


class DriftError(UserError):
    """Distances cannot be compared; the message says why."""


class Drift(NamedTuple):
    """How recent distances differ from those of before.

    Attributes:
      num_reference: distances of before.
      num_recent: recent ones.
      stability_index: see ``stability_index``.
      by_chance: what the index is on average where nothing has changed.
      largest_gap: between the two cumulative distributions, from 0 to 1 (Kolmogorov–Smirnov).
      p_value: of a gap so large where nothing has changed.
      medians: of before, and recent.
      share_far: of recent distances above the 99th percentile of before.
    """

    num_reference: int
    num_recent: int
    stability_index: float
    by_chance: float
    largest_gap: float
    p_value: float
    medians: tuple[float, float]
    share_far: float

    @property
    def text(self) -> str:
        """For a terminal."""
        before, recent = self.medians
        return "\n".join(
            [
                f"distances:        {self.num_reference} before, {self.num_recent} recent",
                f"median:           {before:.4f} before, {recent:.4f} recent",
                f"stability index:  {self.stability_index:.3f}; by chance {self.by_chance:.3f}",
                f"largest gap:      {self.largest_gap:.3f}, p = {self.p_value:.2g}",
                f"far queries:      {100 * self.share_far:.1f}% beyond the 99th percentile of before",
            ]
        )


def compare(reference: np.ndarray, recent: np.ndarray) -> Drift:
    """Compares distances from queries to what is nearest to them.

    Args:
      reference: [num_reference] distances when all was well.
      recent: [num_recent].

    Raises:
      DriftError: there are fewer than 200 of either, or one is not finite or below 0.
    """
    for distances, which in ((reference, "reference"), (recent, "recent")):
        if len(distances) < FEWEST:
            raise DriftError(f"It takes {FEWEST} distances to tell, and there are {len(distances)} {which} ones.")
        if not (np.isfinite(distances).all() and (distances >= 0).all()):
            raise DriftError(f"Distances are finite and not below 0; some of the {which} ones are not.")
    test = ks_2samp(reference, recent)
    return Drift(
        len(reference),
        len(recent),
        stability_index(reference, recent),
        (BINS - 1) * (1 / len(reference) + 1 / len(recent)),
        float(test.statistic),
        float(test.pvalue),
        (float(np.median(reference)), float(np.median(recent))),
        float((recent > np.quantile(reference, _FAR)).mean()),
    )


def stability_index(reference: np.ndarray, recent: np.ndarray) -> float:
    """The population stability index: Σ over bins of (q − p) · ln(q / p), for shares p of before and q of recent ones.

    Bins are the tenths of the reference; where values repeat so much that tenths coincide, there are fewer. Half a
    distance is added to each bin, so that an empty one has a logarithm. By custom, below 0.1 nothing has changed and
    above 0.25 much has.
    """
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
    counts = [np.bincount(np.searchsorted(edges, one), minlength=len(edges) + 1) + 0.5 for one in (reference, recent)]
    before, now = (count / count.sum() for count in counts)
    return float(((now - before) * np.log(now / before)).sum())


def nearest_distances(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """[num_queries] the distance from each query to the nearest of a gallery.

    Args:
      queries: [num_queries, embedding_size].
      gallery: [num_references, embedding_size].
    """
    distances = np.empty(len(queries))
    for block, nearest in nearest_references(queries, gallery, np.ones(len(queries), np.int64)):
        distances[block] = np.linalg.norm(queries[block].astype(np.float64) - gallery[nearest[:, 0]], axis=1)
    return distances


def compare_files(reference: str, recent: str, gallery: str | None = None) -> Drift:
    """Compares the distances in two files.

    Args:
      reference: a file of distances, one in each line, which may be compressed (``.gz``, ``.bz2``, ``.xz``); or with
        ``gallery`` embeddings, as main.py embed writes them.
      recent: the same.
      gallery: embeddings of the gallery that both search.

    Raises:
      DriftError: a file holds something else, or too little.
    """
    if gallery is None:
        return compare(_distances(reference), _distances(recent))
    found = _embeddings(gallery)
    queries = {path: _embeddings(path) for path in (reference, recent)}
    for path, embeddings in queries.items():
        if embeddings.shape[1] != found.shape[1]:
            raise DriftError(
                f"The embeddings in {path} have {embeddings.shape[1]} dimensions and the gallery's "
                f"{found.shape[1]}; embed both with one model."
            )
    return compare(*(nearest_distances(queries[path], found) for path in (reference, recent)))


def _distances(path: str) -> np.ndarray:
    try:
        os.stat(path)  # Of a file that is not there NumPy gives no reason, and what looks like an address it fetches.
        distances = np.loadtxt(path, ndmin=1, encoding="utf-8")
        if distances.ndim > 1:
            raise ValueError(f"there are {distances.shape[1]} numbers in each line")
        return distances
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, EOFError, lzma.LZMAError, zlib.error) as error:  # The others: of compressed text.
        why = "it is no text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise DriftError(
            f"{path} does not hold one distance in each line ({why}). Pass --gallery too if it holds embeddings."
        ) from error


def _embeddings(path: str) -> np.ndarray:
    try:
        (embeddings,) = read_npz(path, "embeddings")
        if embeddings.ndim != 2 or not embeddings.size or not np.issubdtype(embeddings.dtype, np.floating):
            raise ValueError(f"embeddings of shape {embeddings.shape} and type {embeddings.dtype}")
        return embeddings
    except OSError as error:
        raise _unreadable(path, error) from error
    except (NpzError, ValueError) as error:
        raise DriftError(f"{path} holds no embeddings; make it with: main.py embed --output={path}") from error


def _unreadable(path: str, error: OSError) -> DriftError:
    return DriftError(f"{path} cannot be read ({error.strerror or error}); pass a file of distances or of embeddings.")
