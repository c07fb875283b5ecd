"""What a run has kept of its projections."""

from __future__ import annotations

import numpy as np

from evaluate.geometry import normalized
from experiments.run_directory import RunDirectory


def read_projections(run: RunDirectory, newest: int = 0) -> list[dict[str, np.ndarray]]:
    """The records of the initialisation and of each projection, in order; embeddings and proxies are normalised.

    Each has ``index``, ``embeddings`` [num, embedding_size], ``labels`` [num], ``class_names``, ``proxies``
    [num_classes, proxies_per_class, embedding_size] and, but for the first, ``previous_proxies`` of the same shape.

    Args:
      run: whose.
      newest: read no more than this many, the last ones; 0 for all.
    """
    projections = []
    for path in sorted(run.projections.glob("*.npz"))[-newest:]:
        with np.load(path) as file:
            kept = {name: file[name] for name in file.files}
        for name in ("proxies", "previous_proxies"):
            if name in kept:
                kept[name] = normalized(kept[name])
        projections.append({"index": np.int64(path.stem), **kept})
    return projections
