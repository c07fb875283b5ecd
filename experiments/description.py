"""What a run is, in its results."""

from __future__ import annotations

from typing import Any

from datasets.examples import Splits
from datasets.manifest import QUERY
from experiments.experiment import Experiment
from experiments.presets import overridden, preset_name
from experiments.settings import Settings


def describe(experiment: Experiment) -> dict[str, Any]:
    """What was trained and how it is evaluated, for a result's record."""
    settings, splits = experiment.settings, experiment.splits
    parts = {"train": splits.train, "validation": splits.held_out("validation"), "test": splits.held_out("test")}
    held_out = parts["validation"]
    kinds = ("views", "images") if "validation" in splits.in_views else ("images", "classes")
    return {
        "dataset": settings.data.dataset,
        "loss": settings.loss.loss,
        "labels": settings.data.labels,
        "seed": settings.run.seed,
        "test_classes": splits.classes_of("test"),
        "weights": settings.network.weights or "none",
        "settings": {"preset": preset_name(settings), "overridden": overridden(settings)},
        "data": {
            **{name: {"images": len(part), "classes": part.num_classes} for name, part in parts.items()},
            "unreadable_images_left_out": len(experiment.bad_images.found),
        },
        "protocol": {
            "test": _test_protocol(splits),
            "model_selection": f"best {settings.loop.monitor} on {splits.validation_source} "
            f"({len(held_out)} {kinds[0]} of {held_out.num_classes} {kinds[1]}){_averaged(settings)}",
            "distance": "Euclidean between lipschitz-normalised embeddings",
        },
    }


def _averaged(settings: Settings) -> str:
    decay = settings.loop.ema_decay
    return f", by weights averaged over steps with decay {decay:g}" if decay else ""


def _test_protocol(splits: Splits) -> str:
    test = splits.test
    num_queries = int((test.roles == QUERY).sum())
    if splits.seen_classes:
        classes = splits.held_out("test").num_classes
        searched = f"the {len(splits.train)} training images"
        return f"retrieval of {num_queries} held-out images of {classes} classes seen in training, in {searched}"
    if "test" in splits.in_views:
        return (
            f"two augmented views of {test.num_classes} images that were not trained on, which are to find each other"
        )
    images = f"{len(test)} images of {test.num_classes} classes never seen in training"
    if num_queries:
        return f"retrieval of {num_queries} queries in a gallery, {images}"
    return f"leave-one-out retrieval by index over {images}"
