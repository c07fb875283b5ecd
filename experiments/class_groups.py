"""Groups of hard classes, which batches draw together."""

from __future__ import annotations

import csv
import io

import numpy as np

from ccp.class_draws import DrawByGroup, near_classes
from ccp.errors import ConfigError
from datasets.files import read_json, save_json
from datasets.text_files import read_text
from experiments.experiment import Experiment
from experiments.run_directory import RunDirectory

_COLUMNS = ["class", "superclass"]


def draw_by_group(experiment: Experiment, run: RunDirectory) -> None:
    """Lets batches draw classes by group, if the settings say so; every process calls this before training.

    Groups are decided once, by the network that training starts from, and kept in the run's directory.

    Raises:
      ConfigError: there are too few classes for such batches, or the file of superclasses does not name all of them.
    """
    batch, replicas = experiment.settings.batch, experiment.replicas
    if batch.class_draws != "by_group":
        return
    names = experiment.splits.train.class_names
    if replicas.any(replicas.is_chief and run.class_groups.exists()):
        groups = read_json(run.class_groups)
    elif batch.superclasses:
        groups = _read_superclasses(batch.superclasses, names)
    else:
        groups = dict(zip(names, near_classes(_class_means(experiment), batch.group_size).tolist()))
    draws = DrawByGroup([groups[name] for name in names], batch.groups_per_batch)
    draws.check(len(names), batch.classes_per_batch)
    experiment.class_draws = draws
    if replicas.is_chief:
        save_json(run.class_groups, groups)


def _class_means(experiment: Experiment) -> np.ndarray:
    """Mean normalised embeddings of the training classes, [num_classes, embedding_size], by the network as it is."""
    embedded = experiment.embed(experiment.splits.train, shared=True)
    labels, size = embedded.labels, experiment.splits.train.num_classes
    sums = np.zeros((size, embedded.embeddings.shape[1]))
    np.add.at(sums, labels, embedded.embeddings)
    return sums / np.maximum(np.bincount(labels, minlength=size), 1)[:, np.newaxis]


def _read_superclasses(path: str, names: list[str]) -> dict[str, str]:
    """By class, its superclass; of the training classes alone."""
    rows = [row for row in csv.reader(io.StringIO(read_text(path), newline="")) if row]
    if not rows or rows[0] != _COLUMNS or any(len(row) != len(_COLUMNS) for row in rows):
        raise ConfigError(f"{path} must have the columns {','.join(_COLUMNS)}, named in its first line.")
    groups = dict(rows[1:])
    missing = [name for name in names if name not in groups]
    if missing:
        raise ConfigError(
            f"{path} has no superclass for {len(missing)} of {len(names)} training classes ({', '.join(missing[:3])}, "
            "…); add a line for each."
        )
    return {name: groups[name] for name in names}
