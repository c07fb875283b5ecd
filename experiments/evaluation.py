"""All scores of a run, as files."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from datasets.files import save_csv, save_json
from evaluate.embedded import Embedded
from evaluate.errors import EvaluationError
from evaluate.figures import draw_roc, save
from evaluate.metrics.registry import all_metrics
from evaluate.metrics.result import RetrievalResult
from evaluate.verification import Verification
from experiments.restored import RestoredRun


def write_evaluation(
    restored: RestoredRun, split: str, more_metrics: Sequence[str] = (), reranking: str = "none"
) -> tuple[dict[str, Any], list[pathlib.Path]]:
    """Scores a run by all metrics, and writes means, classes and queries.

    Args:
      restored: the run.
      split: ``test`` or ``validation``.
      more_metrics: names of further metrics, such as ``precision_at_5``.
      reranking: also score the references in another order: ``average``, ``alpha`` or ``k_reciprocal``.

    Returns:
      The contents of ``evaluation_SPLIT.json``, and the files written: that, with a line for each query
      ``evaluation_SPLIT_queries.csv``, and the ROC of all pairs, ``figures/roc_SPLIT.png``.
    """
    embedded = restored.embed(split)
    metrics = tuple(dict.fromkeys([*all_metrics(), *more_metrics]))
    result = embedded.evaluate(metrics)
    reranked = {} if reranking == "none" else {reranking: embedded.rerank(reranking, metrics).means}
    found, verification = _verification(embedded)
    record = {
        **restored.describe(),
        **restored.progress,
        "split": split,
        "split_classes": restored.experiment.splits.classes_of(split),
        "scores": result.means,
        "reranked": reranked,
        "before_training": restored.run.load_before_training(),
        "verification": verification,
        "retrieval": result.protocol,
        "per_class": {embedded.class_names[label]: values for label, values in result.per_class().items()},
    }
    folder = restored.run.path
    files = [folder / f"evaluation_{split}.json", folder / f"evaluation_{split}_queries.csv"]
    save_json(files[0], record)
    save_csv(files[1], ["image", "class", "num_relevant", *result.per_query], _queries(result, embedded))
    if found:
        files.append(save(draw_roc({split: found}), folder / "figures" / f"roc_{split}.png"))
    return record, files


def _verification(embedded: Embedded) -> tuple[Verification | None, dict[str, Any]]:
    """Error rates over all pairs, and their record; none where there is no pair of one class, or of two."""
    try:
        found = embedded.verify()
    except EvaluationError as error:
        return None, {"summary": [f"{error}"]}
    return found, {"summary": found.lines(), **found.record()}


def _queries(result: RetrievalResult, embedded: Embedded) -> Iterator[list[Any]]:
    """A row for each query: its image, its class, R, and its scores; these are empty where R is 0."""
    for query, place in enumerate(embedded.queries):
        num_relevant = int(result.num_relevant[query])
        values = [f"{scores[query]:.6g}" if num_relevant else "" for scores in result.per_query.values()]
        yield [embedded.name(place), embedded.class_names[result.labels[query]], num_relevant, *values]
