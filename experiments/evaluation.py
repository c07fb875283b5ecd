"""The scores of a run: those that training is followed by, and all that can be computed, as files."""

from __future__ import annotations

import csv
import io
import pathlib
from typing import Any

from datasets.files import save_json, save_text
from datasets.manifest import QUERY
from evaluate.embedded import Embedded
from evaluate.embedding import retrieval
from evaluate.metrics.result import RetrievalResult
from experiments.restored import RestoredRun

# Of R@k; the field's custom for SOP and In-Shop goes to 1000.
_RECALL_AT = (1, 2, 4, 8, 10, 20, 30, 40, 100, 1000)
_MAP_AT = (10,)


def training_scores(embedded: Embedded) -> RetrievalResult:
    """P@1, P@R and MAP@R."""
    return retrieval(embedded.embeddings, embedded.places, embedded.examples, recall_at=(), with_mrr=False)


def write_evaluation(
    restored: RestoredRun, split: str, with_clustering: bool
) -> tuple[dict[str, Any], list[pathlib.Path]]:
    """Scores a run by all metrics, and writes means, classes and queries.

    Args:
      restored: the run.
      split: ``test`` or ``validation``.
      with_clustering: also cluster the embeddings, for NMI and AMI; slow for large sets.

    Returns:
      The contents of ``evaluation_SPLIT.json``, and the files written: that and, with a line for each query,
      ``evaluation_SPLIT_queries.csv``.
    """
    embedded = restored.embed(split)
    scores = retrieval(
        embedded.embeddings,
        embedded.places,
        embedded.examples,
        recall_at=_RECALL_AT,
        map_at=_MAP_AT,
        with_clustering=with_clustering,
    )
    record = {
        **restored.describe(),
        **restored.progress,
        "split": split,
        "scores": scores.means,
        "retrieval": scores.protocol,
        **({"clustering": scores.clustering} if with_clustering else {}),
        "per_class": {embedded.class_names[label]: values for label, values in scores.per_class().items()},
    }
    folder = restored.run.path
    files = [folder / f"evaluation_{split}.json", folder / f"evaluation_{split}_queries.csv"]
    save_json(files[0], record)
    save_text(files[1], _queries(scores, embedded))
    return record, files


def _queries(scores: RetrievalResult, embedded: Embedded) -> str:
    """A line for each query: its image, its class, R, and its scores; these are empty where R is 0."""
    examples, places = embedded.examples, embedded.places
    roles = examples.roles[places]
    queries = places[roles == QUERY] if (roles == QUERY).any() else places
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["image", "class", "num_relevant", *scores.scores])
    for query, place in enumerate(queries):
        num_relevant = int(scores.per_query["num_relevant"][query])
        values = [f"{values[query]:.6g}" if num_relevant else "" for values in scores.scores.values()]
        class_name = examples.class_names[examples.labels[place]]
        writer.writerow([examples.images.names[place], class_name, num_relevant, *values])
    return file.getvalue()
