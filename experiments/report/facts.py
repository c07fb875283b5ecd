"""What the report says about one run, gathered before anything is drawn."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ccp.references.class_proxies import ClassProxies
from datasets.files import read_json
from evaluate.embedded import Embedded
from evaluate.geometry import normalized
from evaluate.metrics.registry import STANDARD
from experiments.experiment import Experiment
from experiments.projection_records import read_projections
from experiments.report.intervals import bootstrap_interval
from experiments.restored import RestoredRun, restore_run
from experiments.run_directory import RunDirectory
from experiments.settings import Settings

_MOST_TRAINING_EXAMPLES = 1000


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """One run.

    Attributes:
      name: that it goes by in the report.
      path: its directory.
      config: its settings.
      data_digest: of its data set's manifest; empty if that was not recorded.
      records: a line per epoch.
      projections: as ``read_projections`` returns them.
      finished: whether training has ended.
      judged: what its network does; None as long as no weights are saved.
    """

    name: str
    path: str
    config: Settings
    data_digest: str
    records: Sequence[Mapping[str, Any]]
    projections: Sequence[Mapping[str, np.ndarray]]
    finished: bool
    judged: Judged | None


@dataclasses.dataclass(frozen=True)
class Judged:
    """A run's best weights, tried out.

    Attributes:
      description: as ``describe`` or the run's ``result.json`` has it.
      scores: by metric, on the unseen classes.
      intervals: by metric, [low, high] of 95%, over the choice of queries.
      unseen: the test examples.
      training: some training examples.
      proxies: [num_classes, proxies_per_class, embedding_size] of the training classes, normalised; None if
        the loss has none.
    """

    description: Mapping[str, Any]
    scores: Mapping[str, float]
    intervals: Mapping[str, Sequence[float]]
    unseen: Embedded
    training: Embedded
    proxies: np.ndarray | None


def gather(run_dir: str, name: str, data_dir: str | None) -> RunFacts:
    """Reads a run and tries out its best weights so far.

    Raises:
      RunError: the directory holds no run.
      UserError: the data set cannot be read.
    """
    run = RunDirectory(run_dir)
    config = run.load_settings()
    judged = _judge(run, data_dir) if any(run.checkpoints.glob("*.index")) else None
    return RunFacts(
        name,
        os.fspath(run.path),
        config,
        data_digest=run.data_digest,
        records=run.records(),
        projections=read_projections(run),
        finished=run.result.exists(),
        judged=judged,
    )


def differ_in_data(runs: Sequence[RunFacts]) -> bool:
    """Whether some are known to be of other data than others."""
    digests = {run.data_digest for run in runs if run.data_digest}
    return len({run.config.data.dataset for run in runs}) > 1 or len(digests) > 1


def _judge(run: RunDirectory, data_dir: str | None) -> Judged:
    restored = restore_run(run.path, data_dir)
    unseen = restored.embed()
    values = {name: unseen.result.per_query[name][unseen.result.valid] for name in STANDARD}
    result = read_json(run.result) if run.result.exists() else {**restored.describe(), "test": {}}
    scores = {metric: result["test"].get(metric, float(own.mean())) for metric, own in values.items()}
    return Judged(
        description=result,
        scores=scores,
        intervals={metric: bootstrap_interval(own) for metric, own in values.items()},
        unseen=unseen,
        training=_embed_training(restored.experiment),
        proxies=_best_proxies(restored),
    )


def _embed_training(experiment: Experiment) -> Embedded:
    return experiment.embed_spread(experiment.splits.train, _MOST_TRAINING_EXAMPLES)


def _best_proxies(restored: RestoredRun) -> np.ndarray | None:
    """The proxies that belong to the best weights; they are kept beside them in the checkpoint."""
    for layer in getattr(restored.trainer.loss, "layers", ()):
        if isinstance(layer, ClassProxies):
            return normalized(layer.points.numpy())
    return None
