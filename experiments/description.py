"""What a run is, in its results."""

from __future__ import annotations

from typing import Any

from datasets.manifest import QUERY
from experiments.experiment import Experiment
from experiments.presets import overridden, preset_name


def describe(experiment: Experiment) -> dict[str, Any]:
    """What was trained and how it is evaluated, for a result's record."""
    settings, splits = experiment.settings, experiment.splits
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    test = f"{len(splits.test)} images of {splits.test.num_classes} classes never seen in training"
    num_queries = int((splits.test.roles == QUERY).sum())
    return {
        "dataset": settings.data.dataset,
        "loss": settings.loss.loss,
        "seed": settings.run.seed,
        "weights": settings.network.weights or "none",
        "settings": {"preset": preset_name(settings), "overridden": overridden(settings)},
        "data": {
            **{name: {"images": len(part), "classes": part.num_classes} for name, part in parts.items()},
            "unreadable_images_left_out": len(experiment.bad_images.found),
        },
        "protocol": {
            "test": f"retrieval of {num_queries} queries in a gallery, {test}"
            if num_queries
            else f"leave-one-out retrieval by index over {test}",
            "model_selection": f"best {settings.loop.monitor} on {splits.validation_source} "
            f"({len(splits.validation)} images of {splits.validation.num_classes} classes)",
            "distance": "Euclidean between lipschitz-normalised embeddings",
        },
    }
