"""The scores of the 4-fold protocol: of its models singly, and of their concatenated embeddings."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ccp.distances import lipschitz_normalize
from ccp.errors import UserError
from datasets.examples import Examples
from datasets.splits import NUM_FOLDS
from evaluate.embedded import Embedded
from evaluate.metrics.registry import STANDARD
from evaluate.metrics.statistics import crossed_interval, mean_scores, summary
from evaluate.metrics.table import score_table
from experiments.published import published_scores
from experiments.run_directory import RunDirectory
from experiments.settings import Settings

_MAX_COMBINATIONS = 256


def separated_scores(settings: Settings, results: Mapping[tuple[int, int], Mapping], repeats: int) -> dict[str, Any]:
    """The mean over the four models of a repeat; its mean, deviation and interval over repeats.

    Args:
      settings: of the protocol.
      results: the ``result.json`` of each model, by fold and repeat.
      repeats: how many there are.
    """
    means = [mean_scores([r["test"] for (_, i), r in results.items() if i == repeat]) for repeat in range(repeats)]
    return {
        "embedding_size": settings.network.embedding_size,
        "scores": {metric: summary([mean[metric] for mean in means]) for metric in STANDARD},
        "published": published_scores(settings, settings.network.embedding_size),
        "models": [
            {
                "fold": fold,
                "repeat": repeat,
                **{name: result[name] for name in ("seed", "best_epoch")},
                **result["test"],
            }
            for (fold, repeat), result in results.items()
        ],
    }


def concatenated_scores(
    settings: Settings, runs: Mapping[tuple[int, int], RunDirectory], test: Examples, repeats: int
) -> dict[str, Any]:
    """The scores of four normalised embeddings concatenated and normalised again, one repeat for each fold.

    Mean and deviation are over all combinations of repeats (of more than 256, 256 drawn by the seed); the interval
    accounts for models shared by combinations (``crossed_interval``).

    Args:
      settings: of the protocol.
      runs: the models' directories, by fold and repeat.
      test: the examples that they were evaluated on.
      repeats: how many there are.

    Raises:
      UserError: some were evaluated on other images than the others.
    """
    embeddings, kept = _test_embeddings(runs)
    if repeats**NUM_FOLDS <= _MAX_COMBINATIONS:
        combinations = list(itertools.product(range(repeats), repeat=NUM_FOLDS))
    else:
        drawn = np.random.default_rng(settings.run.seed).integers(0, repeats, (_MAX_COMBINATIONS, NUM_FOLDS))
        combinations = list(dict.fromkeys(map(tuple, drawn.tolist())))
    scores = {}
    for combination in combinations:
        models = [embeddings[fold, repeat] for fold, repeat in enumerate(combination, 1)]
        scores[combination] = Embedded(concatenated_embeddings(models), test, kept).result.means
    summaries = {}
    for metric in STANDARD:
        values = {combination: score[metric] for combination, score in scores.items()}
        summaries[metric] = {**summary(list(values.values())), "interval_95": crossed_interval(values, repeats)}
    size = NUM_FOLDS * settings.network.embedding_size
    return {
        "embedding_size": size,
        "combinations": len(combinations),
        "scores": summaries,
        "published": published_scores(settings, size),
    }


def concatenated_embeddings(models: Sequence[np.ndarray]) -> np.ndarray:
    """Normalised embeddings [num_images, embedding_size] of several models, concatenated and normalised again."""
    return lipschitz_normalize(np.concatenate(models, axis=1)).numpy()


def mlrc_rows(result: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By name the scores of the models singly and concatenated, each followed by the paper's numbers if it has any."""
    rows = {}
    for name in ("separated", "concatenated"):
        scores = result[name]
        rows[f"{name}, {scores['embedding_size']}-D"] = scores["scores"]
        if scores["published"]:
            rows[f"  paper, {scores['embedding_size']}-D (BN-Inception, pretrained)"] = scores["published"]
    return rows


def mlrc_table(result: Mapping[str, Any]) -> str:
    """The rows in percent: mean ± deviation and 95% interval."""
    return score_table(mlrc_rows(result))


def _test_embeddings(
    runs: Mapping[tuple[int, int], RunDirectory],
) -> tuple[dict[tuple[int, int], np.ndarray], np.ndarray]:
    """The models' embeddings of the test set, and the indices of their examples."""
    loaded = {key: run.load_test_embeddings() for key, run in runs.items()}
    _, kept = next(iter(loaded.values()))
    for key, (_, others) in loaded.items():
        if not np.array_equal(kept, others):
            run = runs[key]
            raise UserError(
                f"{run.path} was evaluated on other images than the runs beside it: images were fixed or broken "
                f"meanwhile. Delete {run.bad_images.name} and {run.result.name} of each and run the command again."
            )
    return {key: embeddings for key, (embeddings, _) in loaded.items()}, kept
