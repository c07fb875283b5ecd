"""The report of runs: what is on their disk, and their best weights, gathered and written as a page."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ccp.errors import UserError
from ccp.references.class_proxies import ClassProxies
from ccp.training.trainer import Trainer
from datasets.files import read_json, save_json, save_text
from evaluate.geometry import normalized
from evaluate.report.facts import Evaluation, Report, RunFacts, SettingCell, SettingRow
from evaluate.report.page import render
from experiments.differing import differing_names, effective_settings
from experiments.no_projection import no_projection
from experiments.presets import expected
from experiments.projection_records import read_projections
from experiments.restored import restore_run
from experiments.run_directory import RunDirectory
from experiments.settings import Settings
from experiments.start_rows import start_rows

_MAX_TRAINING_EXAMPLES = 1000


def write_report(
    run_dirs: Sequence[str], output: str | None = None, data_dir: str | None = None, tsne: bool = False
) -> pathlib.Path:
    """Writes the report of one run, or of several side by side.

    Beside the page ``index.html``, which holds all that it shows, are its figures as PNG files and ``numbers.json``.

    Args:
      run_dirs: of the runs, finished or not.
      output: directory to write into; None for ``report/`` in the first run's directory.
      data_dir: where the runs' data are now, if they have moved.
      tsne: draw embeddings by t-SNE instead of their principal components.

    Returns:
      The page.

    Raises:
      UserError: there is no run, its data cannot be read, or the page cannot be written.
    """
    paths: dict[str, str] = {}
    for path in run_dirs:  # A run is listed once, however its path is spelled.
        paths.setdefault(os.path.realpath(path), str(pathlib.Path(path)))
    if not paths:
        raise UserError("A report needs at least one run; pass directories that main.py train has written.")
    runs = [RunDirectory(path) for path in paths.values()]
    settings = [run.load_settings() for run in runs]
    folder = _made_folder(pathlib.Path(output) if output else runs[0].path / "report")
    facts = [_gather(run, own, name, data_dir) for run, own, name in zip(runs, settings, run_names(settings, runs))]
    digests = {run.data_digest for run in runs} - {""}
    report = Report(
        facts,
        setting_rows(settings),
        different_data=len(digests) > 1 or len({own.data.dataset for own in settings}) > 1,
        tsne=tsne,
    )
    save_text(folder / "index.html", render(report, folder / "figures"))
    save_json(folder / "numbers.json", [run.numbers() for run in facts])
    return folder / "index.html"


def run_names(settings: Sequence[Settings], runs: Sequence[RunDirectory]) -> list[str]:
    """A short name for each run: its loss, and the settings that distinguish it; its path where nothing does."""
    flats = [effective_settings(own) for own in settings]
    names = []
    for flat in flats:
        differing = sorted(differing_names(flat, flats), key="seed".__eq__)  # The seed comes last.
        if any(other["dataset"] != flat["dataset"] for other in flats):
            differing.insert(0, "dataset")
        names.append(", ".join([flat["loss"], *(f"{name} {_text(flat[name])}" for name in differing)]))
    return [name if names.count(name) == 1 else f"{name}, {run.path}" for name, run in zip(names, runs)]


def setting_rows(settings: Sequence[Settings]) -> dict[str, list[SettingRow]]:
    """By section, all settings that matter to one of the runs, with their defaults and differences."""
    in_effect, usual = [own.in_effect() for own in settings], [expected(own) for own in settings]
    rows: dict[str, list[SettingRow]] = {}
    for section in in_effect[0]:
        names = dict.fromkeys(name for sections in in_effect for name in sections[section])
        for name in names:
            values = [sections[section].get(name) for sections in in_effect]
            differs = len({repr(value) for value in values if value is not None}) > 1
            cells = [_cell(value, defaults.get(name)) for value, defaults in zip(values, usual)]
            rows.setdefault(section, []).append(SettingRow(name, differs, cells))
    return rows


def _gather(run: RunDirectory, settings: Settings, name: str, data_dir: str | None) -> RunFacts:
    records, finished = run.records(), run.has_result
    projections = records[-1]["projections"] if records else 0
    return RunFacts(
        name,
        os.fspath(run.path),
        dataset=settings.data.dataset,
        network=f"{settings.network.backbone}, {settings.network.embedding_size} dimensions",
        seed=settings.run.seed,
        monitor=settings.loop.monitor,
        records=records,
        projections=read_projections(run),
        finished=finished,
        evaluation=_evaluate(run, data_dir) if run.has_checkpoint else None,
        before_training=start_rows(run.load_before_training()),
        note=(finished and no_projection(settings, projections)) or "",
    )


def _evaluate(run: RunDirectory, data_dir: str | None) -> Evaluation:
    restored = restore_run(run.path, data_dir)
    unseen = restored.embed()
    training = restored.experiment.embed_spread(restored.experiment.splits.train, _MAX_TRAINING_EXAMPLES)
    description = read_json(run.result) if run.has_result else restored.describe()
    return Evaluation(
        description["data"],
        description["protocol"],
        restored.trainer.progress.best_epoch,
        unseen,
        training,
        _proxies(restored.trainer),
    )


def _proxies(trainer: Trainer) -> np.ndarray | None:
    """The class proxies of a loss, normalised."""
    for layer in getattr(trainer.loss, "layers", ()):
        if isinstance(layer, ClassProxies):
            return normalized(layer.points.numpy())
    return None


def _made_folder(folder: pathlib.Path) -> pathlib.Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The report cannot be written to {folder} ({error.strerror}); pass another place.") from error
    return folder


def _cell(value: Any, default: Any) -> SettingCell | None:
    if value is None:
        return None
    return SettingCell(_text(value), None if value == default or default is None else _text(default))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value) if value != "" else "–"
