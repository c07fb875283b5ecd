"""Everything there is to say of a run's retrieval, as files."""

from __future__ import annotations

import csv
import io
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from datasets.examples import Examples
from datasets.files import save_json, save_text
from datasets.manifest import QUERY
from evaluate.embedding import retrieval
from evaluate.metrics.result import RetrievalResult
from experiments.experiment import Experiment

# Of R@k; the field's custom for SOP and In-Shop goes to 1000.
_RECALL_AT = (1, 2, 4, 8, 10, 20, 30, 40, 100, 1000)
_MAP_AT = (10,)


def write_judgement(
    experiment: Experiment, part: str, folder: pathlib.Path, progress: Mapping[str, Any], with_clustering: bool
) -> tuple[dict[str, Any], list[pathlib.Path]]:
    """Judges a network by all metrics, and writes means, classes and queries.

    Args:
      experiment: with the network as it is to be judged.
      part: ``test`` or ``validation``.
      folder: where to write ``evaluation_PART.json`` and, a line for each query, ``evaluation_PART_queries.csv``.
      progress: how far the run is.
      with_clustering: also cluster the embeddings, for NMI and AMI; slow for large sets.

    Returns:
      What the JSON file holds, and both files.
    """
    examples = getattr(experiment.splits, part)
    embeddings, kept = experiment.embed(examples)
    result = retrieval(
        embeddings, kept, examples, recall_at=_RECALL_AT, map_at=_MAP_AT, with_clustering=with_clustering
    )
    details = result.to_dict()
    classes = {examples.class_names[int(label)]: scores for label, scores in details["per_class"].items()}
    record = {
        **experiment.describe(),
        **progress,
        "part": part,
        "scores": details["means"],
        "retrieval": details["protocol"],
        **({"clustering": details["clustering"]} if with_clustering else {}),
        "per_class": classes,
    }
    files = [folder / f"evaluation_{part}.json", folder / f"evaluation_{part}_queries.csv"]
    save_json(files[0], record)
    save_text(files[1], _queries(result, kept, examples))
    return record, files


def _queries(result: RetrievalResult, kept: np.ndarray, examples: Examples) -> str:
    """A line for each query: its image, its class, R, and its scores; these are empty where R is 0."""
    roles = examples.roles[kept]
    places = kept[roles == QUERY] if (roles == QUERY).any() else kept
    names = examples.images.names
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["image", "class", "num_relevant", *result.scores])
    for query, place in enumerate(places):
        relevant = int(result.per_query["num_relevant"][query])
        scores = [f"{values[query]:.6g}" if relevant else "" for values in result.scores.values()]
        writer.writerow([names[place], examples.class_names[examples.labels[place]], relevant, *scores])
    return file.getvalue()
