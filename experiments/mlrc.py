"""The 4-fold protocol of "A Metric Learning Reality Check" (Musgrave et al., ECCV 2020), as the paper uses it."""

from __future__ import annotations

import itertools
import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ccp.distances import lipschitz_normalize
from ccp.distribution.cluster import cluster_of
from ccp.distribution.replicas import Replicas
from ccp.errors import UserError
from datasets.examples import Examples, split_examples
from datasets.files import read_json, save_json
from datasets.manifest import TEST, VALIDATION
from datasets.reading import load
from datasets.splits import NUM_FOLDS, make_splits
from evaluate.embedding import judged
from evaluate.metrics.retrieval import METRICS, TITLES
from evaluate.metrics.statistics import crossed_interval, mean_scores, summary
from experiments.experiment import train_run
from experiments.published import published_scores
from experiments.run_directory import RunDirectory
from experiments.settings import Settings
from experiments.workers import replicas_unless_finished

RESULT_FILE = "mlrc.json"
_MOST_COMBINATIONS = 256

_log = logging.getLogger("ccp")


def run_mlrc(
    settings: Settings, directory: str, repeats: int, should_stop: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """Trains four folds, several times, and judges the models singly and joined.

    Fold f holds out quarter 4 − f of the training classes to select its model; repeat i has seed ``seed`` + i. Each
    model is a run of its own in ``directory`` that goes on after a kill; what is finished is not done again.

    - *Separated*: the mean over the four models of a repeat; mean, deviation and interval over repeats.
    - *Concatenated*: the four normalised embeddings joined and normalised again. The mean and deviation are over all
      combinations of one repeat for each fold (of more than 256, some 256 drawn by the seed); the interval allows for
      combinations sharing models (``crossed_interval``).

    Args:
      settings: the settings of every run, but for fold and seed.
      directory: where all is kept.
      repeats: trainings of each fold.
      should_stop: see ``Trainer``.

    Returns:
      What is also written to ``mlrc.json``; of several processes that train together, the chief has it alone.
    """
    home = pathlib.Path(directory)
    runs = {
        (fold, repeat): RunDirectory(home / f"fold{fold}-repeat{repeat}")
        for repeat in range(repeats)
        for fold in range(1, NUM_FOLDS + 1)
    }

    def trained() -> bool:
        return all(run.finished(model_settings(settings, *at), with_embeddings=True) for at, run in runs.items())

    # Connects to others before anything else is done.
    replicas = replicas_unless_finished(settings, trained, should_stop)
    if replicas is None:
        if not cluster_of().is_chief:
            return {}
        replicas = Replicas()  # For what the chief does alone.
    manifest = load(settings.data)
    if (manifest.splits == VALIDATION).any():
        raise UserError(
            f"{manifest.name} has validation images of its own, and the protocol cuts its folds out of the training "
            "classes. Move them to the training images, or train with main.py train."
        )
    for fold in range(1, NUM_FOLDS + 1):  # One that cannot be is found before others have trained for days.
        make_splits(manifest, f"fold{fold}", settings.run.seed, settings.data.crop_to_box, settings.data.select_on_test)
    digest = manifest.digest()
    for (fold, repeat), run in runs.items():
        title = f"fold {fold}, repeat {repeat + 1} of {repeats}"
        _train(model_settings(settings, fold, repeat), run, digest, title, replicas, should_stop)
    if not replicas.is_chief:
        return {}
    test = split_examples(manifest, TEST, settings.data.crop_to_box)
    results = {at: read_json(run.result) for at, run in runs.items()}
    result = {
        "dataset": settings.data.dataset,
        "loss": settings.loss.loss,
        "repeats": repeats,
        "settings": results[1, 0]["settings"],
        "data": {
            "test": results[1, 0]["data"]["test"],
            "unreadable_images_left_out": max(one["data"]["unreadable_images_left_out"] for one in results.values()),
        },
        "protocol": {
            **results[1, 0]["protocol"],
            "model_selection": "each of four models by the classes of one quarter of the training classes"
            if not settings.data.select_on_test
            else results[1, 0]["protocol"]["model_selection"],
        },
        "separated": _separated(settings, results, repeats),
        "concatenated": _concatenated(settings, runs, test, repeats),
    }
    save_json(home / RESULT_FILE, result)
    return result


def mlrc_table(result: Mapping[str, Any]) -> str:
    """Results in percent: mean ± deviation and 95% interval, and below it the paper's number if it has one."""
    rows = []
    for way in ("separated", "concatenated"):
        scores = result[way]
        rows.append((f"{way}, {scores['embedding_size']}-D", [_cell(scores["scores"][metric]) for metric in METRICS]))
        if scores["published"]:
            cells = [f"{100 * scores['published'][metric]:.2f}" for metric in METRICS]
            rows.append(("  paper (BN-Inception, pretrained)", cells))
    width = max(len(name) for name, _ in rows)
    column = 2 + max(len(cell) for _, cells in rows for cell in cells)
    header = " " * width + "".join(f"{TITLES[metric]:>{column}}" for metric in METRICS)
    return "\n".join([header, *(f"{name:<{width}}" + "".join(f"{c:>{column}}" for c in cells) for name, cells in rows)])


def model_settings(settings: Settings, fold: int, repeat: int) -> Settings:
    """The settings of one of the protocol's models."""
    return settings.replaced(validation=f"fold{fold}", seed=settings.run.seed + repeat)


def _train(
    settings: Settings, run: RunDirectory, digest: str, title: str, replicas: Replicas, should_stop: Callable[[], bool]
) -> None:
    finished = False
    if replicas.is_chief:
        with run.claimed(settings):  # Which refuses a run with other settings.
            run.check_data(digest)
            finished = run.result.exists() and run.test_embeddings.exists()
    if replicas.any(finished):
        _log.info("%s: finished already", title)
        return
    train_run(settings, run.path, title, should_stop, keep_embeddings=True, on_board=False)


def _separated(settings: Settings, results: Mapping[tuple[int, int], Mapping], repeats: int) -> dict[str, Any]:
    models = [
        {"fold": fold, "repeat": repeat, "seed": result["seed"], "best_epoch": result["best_epoch"], **result["test"]}
        for (fold, repeat), result in results.items()
    ]
    means = [mean_scores([r["test"] for (_, i), r in results.items() if i == repeat]) for repeat in range(repeats)]
    return {
        "embedding_size": settings.network.embedding_size,
        "scores": {metric: summary([one[metric] for one in means]) for metric in METRICS},
        "published": published_scores(settings, settings.network.embedding_size),
        "models": models,
    }


def _concatenated(
    settings: Settings, runs: Mapping[tuple[int, int], RunDirectory], test: Examples, repeats: int
) -> dict[str, Any]:
    embeddings, kept = {}, None
    for at, run in runs.items():
        with np.load(run.test_embeddings) as file:
            embeddings[at] = file["embeddings"]
            if kept is not None and not np.array_equal(kept, file["kept"]):
                raise UserError(
                    f"{run.path} was judged on other images than the runs beside it: images were mended or broken "
                    f"meanwhile. Delete {run.bad_images.name} and {run.result.name} of each and run the command again."
                )
            kept = file["kept"]

    def scores_of(combination: Sequence[int]) -> dict[str, float]:
        joined = np.concatenate([embeddings[fold, repeat] for fold, repeat in enumerate(combination, 1)], axis=1)
        return judged(lipschitz_normalize(joined).numpy(), kept, test)

    if repeats**NUM_FOLDS <= _MOST_COMBINATIONS:
        combinations = list(itertools.product(range(repeats), repeat=NUM_FOLDS))
    else:
        drawn = np.random.default_rng(settings.run.seed).integers(0, repeats, (_MOST_COMBINATIONS, NUM_FOLDS))
        combinations = list(dict.fromkeys(map(tuple, drawn.tolist())))
    scores = {combination: scores_of(combination) for combination in combinations}
    size = NUM_FOLDS * settings.network.embedding_size
    summaries = {}
    for metric in METRICS:
        values = {combination: one[metric] for combination, one in scores.items()}
        summaries[metric] = {
            **summary(list(values.values())),
            "interval_95": crossed_interval(values, repeats),
        }
    return {
        "embedding_size": size,
        "combinations": len(combinations),
        "scores": summaries,
        "published": published_scores(settings, size),
    }


def _cell(scores: Mapping[str, Any]) -> str:
    text = f"{100 * scores['mean']:.2f}"
    if scores["deviation"] is not None:
        text += f" ± {100 * scores['deviation']:.2f}"
    if scores["interval_95"] is not None:
        low, high = scores["interval_95"]
        text += f" [{100 * low:.2f}, {100 * high:.2f}]"
    return text
