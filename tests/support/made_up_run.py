"""Projections, epochs and embedded examples as a run leaves them behind, made up."""

from __future__ import annotations

import numpy as np

from datasets.examples import Examples
from datasets.images.sources import ImagesInMemory
from evaluate.embedded import Embedded
from evaluate.report.facts import Evaluation, Report, RunFacts, SettingCell, SettingRow

EMBEDDING_SIZE = 6
# What HTML, matplotlib and tables of tab-separated values each take for something else than letters.
AWKWARD_NAMES = (
    *("<img src=nowhere>&amp;", '\'"quoted"', "$x^2", "$y$ \\frac", "_hidden", "漢字", "tab\tted"),
    f"l{'o' * 150}ng",
)


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
            "projections": sum(at <= epoch for at in projected_at),
        }
        for epoch in range(1, count + 1)
    ]


def embedded(points, labels, roles=None, size=(6, 4, 1), class_names=None) -> Embedded:
    """Examples, by default on a line; the n-th one's image is of brightness n throughout, and last in the set is first.

    Args:
      points: [count] or [count, embedding_size].
      labels: [count].
      roles: [count]; None for no queries.
      size: of the images.
      class_names: by label; None for ``class 0`` and so on.
    """
    points, labels = np.array(points, float), np.array(labels)
    points = points[:, np.newaxis] if points.ndim == 1 else points
    count, backwards = len(points), np.arange(len(points))[::-1]
    pixels = np.broadcast_to(backwards.astype(np.uint8).reshape(-1, 1, 1, 1), (count, *size)).copy()
    names = np.array([f"image {number}" for number in backwards], object)
    roles = np.array([""] * count if roles is None else roles)
    class_names = tuple(class_names or (f"class {label}" for label in range(labels.max() + 1)))
    examples = Examples(ImagesInMemory(pixels, names), labels[backwards], class_names, roles[backwards])
    return Embedded(points, examples, backwards)


def run_facts(name: str, seed: int = 0, projects: bool = False, **changes) -> RunFacts:
    """A finished run whose unseen classes have ``AWKWARD_NAMES``."""
    random, training = np.random.default_rng(seed), projection(1)
    labels = np.repeat(np.arange(len(AWKWARD_NAMES)), 6)
    points = random.normal(size=(len(AWKWARD_NAMES), EMBEDDING_SIZE))[labels] + random.normal(
        size=(len(labels), EMBEDDING_SIZE)
    )
    splits = {split: {"images": 48, "classes": 8} for split in ("train", "test")}
    evaluation = Evaluation(
        data={**splits, "unreadable_images_left_out": 0},
        protocol={"test": "leave-one-out & by index", "model_selection": "best map_at_r"},
        best_epoch=3,
        test=embedded(points, labels, class_names=AWKWARD_NAMES),
        test_classes="unseen classes",
        training=embedded(training["embeddings"], training["labels"]),
        proxies=training["proxies"] if projects else None,
    )
    records = epochs(3, projected_at=(2,) if projects else ())
    facts = {
        "path": f"runs/{name}",
        "dataset": "digits",
        "network": "conv4, 6 dimensions",
        "seed": seed,
        "monitor": "map_at_r",
        "records": records,
        "projections": [projection(0), projection(1)] if projects else [],
        "evaluation": evaluation,
        "result": {"best_epoch": 3, "test": evaluation.test.result.means},
    }
    return RunFacts(name, **{**facts, **changes})


def report(*runs: RunFacts, **changes) -> Report:
    """The report of some runs, with a setting that differs and one that only the first one has."""
    others = len(runs) - 1
    rows = [
        SettingRow("seed", bool(others), [SettingCell(str(run.seed), None) for run in runs]),
        SettingRow("width", False, [SettingCell("4", "64"), *[None] * others]),
    ]
    facts = {"settings": {"run": rows}, "different_data": False}
    return Report(runs, **{**facts, **changes})
