"""Everything that the report says about runs, before anything is drawn."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from evaluate.embedded import Embedded
from evaluate.geometry import geometry, geometry_by_projection
from evaluate.metrics.registry import STANDARD
from evaluate.metrics.statistics import bootstrap_interval

NUM_CENTERS = 8


class Score(NamedTuple):
    """A score with its 95% interval."""

    mean: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """The best weights of a run so far, evaluated.

    Attributes:
      data: ``images`` and ``classes`` of ``train`` and ``test``, and ``unreadable_images_left_out``.
      protocol: sentences by topic: how the run was evaluated.
      best_epoch: whose weights these are.
      test: the test examples.
      test_classes: ``unseen classes``, or ``seen classes``: of these, the images that are searched are training images;
        or ``unseen images``, which are shown in two views.
      training: some training examples.
      proxies: [num_classes, proxies_per_class, embedding_size] of the training classes, normalised; None if the loss
        has none.
    """

    data: Mapping[str, Any]
    protocol: Mapping[str, str]
    best_epoch: int
    test: Embedded
    test_classes: str
    training: Embedded
    proxies: np.ndarray | None

    @property
    def held_out(self) -> Embedded:
        """The test examples without training images."""
        return self.test.take(self.test.queries) if self.test_classes == "seen classes" else self.test

    @functools.cached_property
    def scores(self) -> dict[str, Score]:
        """By standard metric, the score on the test classes; the interval is over the choice of queries."""
        result = self.test.result
        values = {metric: result.per_query[metric][result.valid] for metric in STANDARD}
        return {metric: Score(result.means[metric], *bootstrap_interval(own)) for metric, own in values.items()}

    @functools.cached_property
    def geometry(self) -> dict[str, dict[str, Any]]:
        """By set of examples, its ``geometry``."""
        sets = {self.test_classes: (self.held_out, None), "training classes": (self.training, self.proxies)}
        return {
            name: geometry(embedded.embeddings, embedded.labels, proxies, NUM_CENTERS)
            for name, (embedded, proxies) in sets.items()
        }


@dataclasses.dataclass(frozen=True, eq=False)
class RunFacts:
    """One run.

    Attributes:
      name: unique in the report.
      path: its directory.
      dataset: its name.
      network: backbone and embedding size as text.
      seed: of the run.
      monitor: the metric that selects the model.
      records: one per epoch.
      projections: as kept at each projection.
      evaluation: of its best weights; None before any are saved.
      before_training: by row, the test scores of the network before training.
      note: a sentence about how training went; empty for none.
      setting: what runs that differ in nothing but the seed are called together; empty for ``name``.
      result: ``best_epoch``, and ``test``, the scores on the test classes; None before training has ended.
    """

    name: str
    path: str
    dataset: str
    network: str
    seed: int
    monitor: str
    records: Sequence[Mapping[str, Any]]
    projections: Sequence[Mapping[str, np.ndarray]]
    evaluation: Evaluation | None
    before_training: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    note: str = ""
    setting: str = ""
    result: Mapping[str, Any] | None = None

    @property
    def finished(self) -> bool:
        """Whether training has ended."""
        return self.result is not None

    @property
    def scores(self) -> Mapping[str, float] | None:
        """By standard metric, the score on the test classes; None if the run is neither finished nor evaluated."""
        if self.evaluation:
            return {metric: score.mean for metric, score in self.evaluation.scores.items()}
        return self.result and {metric: self.result["test"][metric] for metric in STANDARD}

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The record of the epoch with the best score; None before any weights are saved."""
        best_epoch = self.evaluation.best_epoch if self.evaluation else self.result and self.result["best_epoch"]
        return next((record for record in self.records if record["epoch"] == best_epoch), None)

    @functools.cached_property
    def geometry_by_projection(self) -> list[dict[str, Any]]:
        """The geometry of the training examples that were kept at each projection."""
        return geometry_by_projection(self.projections)

    def numbers(self) -> dict[str, Any]:
        """The numbers on the page, for JSON."""
        evaluation = self.evaluation
        intervals = evaluation and {metric: [score.low, score.high] for metric, score in evaluation.scores.items()}
        return {
            "run": self.path,
            "name": self.name,
            "finished": self.finished,
            "scores": self.scores,
            "interval_95_over_queries": intervals,
            "before_training": self.before_training,
            "geometry": evaluation and evaluation.geometry,
            "geometry_by_projection": self.geometry_by_projection,
        }


class Group(NamedTuple):
    """Runs that differ in nothing but the seed."""

    name: str
    runs: Sequence[RunFacts]

    @property
    def shown(self) -> RunFacts:
        """The run whose figures are shown."""
        return next((run for run in self.runs if run.evaluation), self.runs[0])

    @property
    def unusual_test(self) -> str:
        """What the scores are of, if it is not unseen classes; otherwise empty."""
        evaluation = self.shown.evaluation
        return "" if evaluation is None or evaluation.test_classes == "unseen classes" else evaluation.test_classes

    @property
    def scored(self) -> list[RunFacts]:
        """The runs with scores."""
        return [run for run in self.runs if run.scores]

    @property
    def before_training(self) -> dict[str, list[Mapping[str, float]]]:
        """By row, the test scores before training of the networks of the runs with scores."""
        rows: dict[str, list[Mapping[str, float]]] = {}
        for run in self.scored:
            for row, scores in run.before_training.items():
                rows.setdefault(row, []).append(scores)
        return rows


class CrossValidation(NamedTuple):
    """A 4-fold protocol: its directory, its repeats, and by row its scores by metric, as for ``score_table``."""

    path: str
    repeats: int
    rows: Mapping[str, Mapping[str, Any]]


class SettingCell(NamedTuple):
    """A setting's value in one run as text, and the default for its data set and loss where that is another one."""

    value: str
    default: str | None


class SettingRow(NamedTuple):
    """A setting; ``cells`` has one for each group, None where the setting does not apply."""

    name: str
    differs: bool
    cells: Sequence[SettingCell | None]


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """Runs side by side.

    Attributes:
      runs: at least one.
      settings: rows by section.
      different_data: whether some are known to have other images than others.
      tsne: whether embeddings are drawn by t-SNE.
      protocols: 4-fold protocols of which these runs are.
    """

    runs: Sequence[RunFacts]
    settings: Mapping[str, Sequence[SettingRow]]
    different_data: bool
    tsne: bool = False
    protocols: Sequence[CrossValidation] = ()

    @property
    def groups(self) -> list[Group]:
        """The runs by setting."""
        runs: dict[str, list[RunFacts]] = {}
        for run in self.runs:
            runs.setdefault(run.setting or run.name, []).append(run)
        return [Group(name, own) for name, own in runs.items()]

    @property
    def evaluated(self) -> list[RunFacts]:
        """The runs that are evaluated and shown, one of each group."""
        return [run for run in self.runs if run.evaluation]
