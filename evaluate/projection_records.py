"""What a run has kept of its projections, read and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ccp.runs import RunDirectory
from evaluate.geometry import covering_radii, geometry


def read_projections(run: RunDirectory) -> list[dict[str, np.ndarray]]:
    """What was kept at the initialisation and at each projection, in order; embeddings and proxies are normalised.

    Each holds ``index``, ``embeddings`` [num, embedding_size], ``labels`` [num], ``proxies`` [num_classes,
    proxies_per_class, embedding_size] and, but for the first, ``previous_proxies`` of the same shape.
    """
    projections = []
    for path in sorted(run.projections.glob("*.npz")):
        with np.load(path) as file:
            kept = {name: file[name] for name in file.files}
        for name in ("proxies", "previous_proxies"):
            if name in kept:
                kept[name] = normalized(kept[name])
        projections.append({"index": np.int64(path.stem), **kept})
    return projections


def normalized(vectors: np.ndarray) -> np.ndarray:
    """``lipschitz_normalize`` in NumPy, [..., embedding_size]."""
    return vectors / np.maximum(1.0, np.linalg.norm(vectors, axis=-1, keepdims=True))


def radii_by_projection(projections: Sequence[Mapping[str, np.ndarray]]) -> list[dict[str, float]]:
    """The mean of the covering radii of the recorded classes at each projection, before and after the proxies moved.

    Both by the network as it was then. ``before`` is NaN at the initialisation.
    """

    def mean_radius(at, proxies):
        if proxies not in at:
            return np.nan
        return float(covering_radii(at["embeddings"], at["labels"], at[proxies])[np.unique(at["labels"])].mean())

    return [
        {
            "projection": int(at["index"]),
            "before": mean_radius(at, "previous_proxies"),
            "after": mean_radius(at, "proxies"),
        }
        for at in projections
    ]


def geometry_by_projection(projections: Sequence[Mapping[str, np.ndarray]]) -> list[dict[str, Any]]:
    """``geometry`` of the recorded training examples at each projection, with as many centres as proxies.

    ``projection`` is its index; ``radius_by_previous_proxies`` the radius before they moved, None at the
    initialisation. It is computed from the records, which are on disk before their epoch is saved: a run that is
    killed loses nothing of it.
    """
    return [
        {
            "projection": radii["projection"],
            "radius_by_previous_proxies": None if np.isnan(radii["before"]) else radii["before"],
            **geometry(at["embeddings"], at["labels"], at["proxies"], at["proxies"].shape[1]),
        }
        for at, radii in zip(projections, radii_by_projection(projections))
    ]
