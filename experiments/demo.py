"""The whole method in one go, on a data set that needs no download."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluate.figures import draw_curves, draw_projections, draw_radii, draw_retrievals, save
from evaluate.geometry import geometry_by_projection
from evaluate.metrics.table import score_table
from evaluate.worst_classes import sample_classes
from experiments.before_training import UNTRAINED
from experiments.presets import preset_settings
from experiments.projection_records import read_projections
from experiments.restored import restore_run
from experiments.run_directory import RunDirectory
from experiments.settings import Settings
from experiments.stopping import NEVER, StopRequest
from experiments.train import train_run
from models.serving.export import export
from models.serving.exported_model import INFO_FILE
from models.serving.network import EmbeddingNetwork
from models.serving.versions import ExportError, check_export_directory

BASE_LOSS = "contrastive"
CCP_LOSS = "ccp/contrastive"
_CLASSES_DRAWN = 6
_PROJECTIONS_DRAWN = 6
_QUERIES_DRAWN = 8
_FOUND_DRAWN = 8
_RETRIEVAL_WIDTH = 6.0  # Inches: the classes' names fit below the images.


def run_demo(directory: str, dataset: str, seeds: Sequence[int], should_stop: StopRequest = NEVER) -> str:
    """Trains the base loss and CCP, evaluates both and the untrained network on unseen classes, draws, and exports.

    Args:
      directory: where everything is kept; what is finished there is not repeated.
      dataset: ``typefaces`` or ``digits``.
      seeds: one training of each loss per seed.
      should_stop: stops it.

    Returns:
      The text to show.

    Raises:
      ExportError: the model's directory holds something else.
    """
    home = pathlib.Path(directory) / dataset
    model_dir = home / "model"
    if model_dir.exists() and not (model_dir / "1" / INFO_FILE).exists():  # Not an earlier demo's: kept.
        raise ExportError(f"{model_dir} holds something else than a model of the demo; pass another --output_dir.")
    check_export_directory(model_dir)
    scores: dict[str, list] = {UNTRAINED: [], BASE_LOSS: [], CCP_LOSS: []}
    for seed in seeds:
        for loss in (BASE_LOSS, CCP_LOSS):
            run_dir = _run_dir(home, loss, seed)
            result = train_run(_settings(dataset, loss, seed), run_dir, f"{loss}, seed {seed}", should_stop)
            scores[loss].append(result["test"])
        scores[UNTRAINED].append(result["before_training"][UNTRAINED]["test"])  # Of both losses.

    restored = restore_run(_run_dir(home, CCP_LOSS, seeds[0]))
    projections, tested = read_projections(restored.run), restored.embed()
    records = {BASE_LOSS: RunDirectory(_run_dir(home, BASE_LOSS, seeds[0])).records(), CCP_LOSS: restored.run.records()}
    figures = {
        "projections.png": draw_projections(
            _of_few_classes(projections), most_columns=3, most_panels=_PROJECTIONS_DRAWN
        ),
        "retrieval.png": draw_retrievals(
            sample_classes(tested, _QUERIES_DRAWN, _FOUND_DRAWN), tested.thumbnail, _RETRIEVAL_WIDTH
        ),
        "curves.png": draw_curves(records, ("loss", restored.experiment.settings.loop.monitor)),
        "covering_radius.png": draw_radii(geometry_by_projection(projections)),
    }
    pictures = [save(figure, home / name) for name, figure in figures.items()]
    shutil.rmtree(model_dir / "1", ignore_errors=True)  # Other versions are not the demo's.
    info = {**restored.describe(), **restored.progress, "test": tested.result.means}
    network = EmbeddingNetwork(restored.experiment.model, restored.experiment.format)
    export(network, network.signatures(), str(model_dir), info, version=1)
    seed_text = f"seed {seeds[0]}" if len(seeds) == 1 else f"mean ± deviation over {len(seeds)} seeds"
    return "\n".join(
        [
            "",
            f"Retrieval on {tested.examples.num_classes} classes of {dataset} never seen in training (%, {seed_text}):",
            score_table(scores),
            "",
            *(f"picture:  {path}" for path in pictures),
            f"model:    {model_dir} (SavedModel for serving)",
            f"runs:     {', '.join(str(_run_dir(home, loss, s)) for s in seeds for loss in (BASE_LOSS, CCP_LOSS))}",
        ]
    )


def _settings(dataset: str, loss: str, seed: int) -> Settings:
    few_proxies = {"proxies_per_class": 4} if loss == CCP_LOSS else {}
    return preset_settings(dataset=dataset, loss=loss, seed=seed, **few_proxies)


def _run_dir(home: pathlib.Path, loss: str, seed: int) -> pathlib.Path:
    return home / f"{loss.replace('/', '-')}-seed{seed}"


def _of_few_classes(projections: Sequence[Mapping[str, np.ndarray]]) -> list[dict[str, Any]]:
    """The records with the examples of a few classes, evenly spaced among those that have any."""
    present = np.unique(projections[-1]["labels"])
    shown = present[np.linspace(0, len(present) - 1, min(_CLASSES_DRAWN, len(present))).astype(int)]
    few = []
    for record in projections:
        chosen = np.isin(record["labels"], shown)
        few.append({**record, "embeddings": record["embeddings"][chosen], "labels": record["labels"][chosen]})
    return few
