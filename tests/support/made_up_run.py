"""Projections and epochs as a run leaves them behind, made up."""

from __future__ import annotations

import numpy as np

EMBEDDING_SIZE = 6


def projection(index: int, num_classes: int = 5, per_class: int = 8, proxies_per_class: int = 3) -> dict:
    """One entry of ``read_projections``; the initialisation (0) has no proxies before it."""
    random = np.random.default_rng([index, num_classes])
    centers = random.normal(size=(num_classes, EMBEDDING_SIZE))
    labels = np.repeat(np.arange(num_classes), per_class)

    def around(shape):
        points = centers[labels] if shape == "examples" else np.repeat(centers[:, np.newaxis], proxies_per_class, 1)
        points = points + 0.3 * random.normal(size=points.shape)
        return (points / np.maximum(1.0, np.linalg.norm(points, axis=-1, keepdims=True))).astype(np.float32)

    entry = {"index": np.int64(index), "embeddings": around("examples"), "labels": labels, "proxies": around("proxies")}
    return entry if index == 0 else {**entry, "previous_proxies": around("proxies")}


def epochs(count: int, steps_per_epoch: int = 10, projected_at: tuple[int, ...] = ()) -> list[dict]:
    """Lines of ``metrics.jsonl``."""
    return [
        {
            "epoch": epoch,
            "step": epoch * steps_per_epoch,
            "loss": 1.0 / epoch,
            "map_at_r": 1.0 - 0.5 / epoch,
            "projected": epoch in projected_at,
        }
        for epoch in range(1, count + 1)
    ]
