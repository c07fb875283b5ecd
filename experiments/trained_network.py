"""The network of a run, or of the four folds of a protocol as one, as it is exported."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.errors import UserError
from datasets.images.image import DecodedImage, read_all
from datasets.input.formats import ImageFormat
from datasets.input.pipelines import EvaluationImages
from datasets.input.preprocessing import evaluation_image
from datasets.splits import NUM_FOLDS
from experiments.experiment import Experiment
from experiments.mlrc_directory import MlrcDirectory
from experiments.mlrc_scores import concatenated_embeddings
from experiments.restored import RestoredRun, restore_run
from models.serving.bare_process import TOLERANCE, Sample
from models.serving.joined_networks import JoinedNetworks, Network

_SAMPLE_SIZE = 8
# Embeddings of half-precision networks depend on the size of the batch.
_HALF_PRECISION_TOLERANCE = 2e-2


class TrainedNetwork(NamedTuple):
    """A network with the best weights of its run, or several as one.

    Attributes:
      network: images to embeddings.
      image_format: the images that it takes.
      info: its origin and its test scores.
      progress: of each run in it; see ``RestoredRun``.
      sample: a few test images with their embeddings; None if none can be read.
    """

    network: Network
    image_format: ImageFormat
    info: dict[str, Any]
    progress: Sequence[Mapping[str, Any]]
    sample: Sample | None


def load_trained_network(
    run_dir: str, repeat: int = 1, data_dir: str | None = None, on_bad_image: str | None = None
) -> TrainedNetwork:
    """Loads the best weights of a run, or those of the four folds of one repeat of ``run_mlrc`` as one network.

    Args:
      run_dir: of the run, or of the protocol.
      repeat: which repeat of the protocol, from 1.
      data_dir: see ``restore_run``.
      on_bad_image: see ``restore_run``.

    Raises:
      RunError: there is no run, or it has saved nothing yet.
      UserError: a fold is missing.
    """
    runs = _find_folds(run_dir, repeat)
    restored = [restore_run(run, data_dir, on_bad_image) for run in runs or [run_dir]]
    first, progress = restored[0], [run.progress for run in restored]
    if runs:
        network: Network = JoinedNetworks([fold.experiment.model for fold in restored])
        seeds = [fold.experiment.settings.run.seed for fold in restored]
        folds = [{"fold": fold, "seed": seed, **done} for fold, (seed, done) in enumerate(zip(seeds, progress), 1)]
        details = {"repeat": repeat, "folds": folds, "test": _joined_scores(restored)}
    else:
        network = first.experiment.model
        details = {**first.progress, "test": first.embed().result.means}
    image_format = first.experiment.format
    info = {**first.describe(), "image_format": dataclasses.asdict(image_format), **details}
    return TrainedNetwork(network, image_format, info, progress, _sample(first.experiment, network))


def _find_folds(run_dir: str, repeat: int) -> list[str]:
    """The runs of one repeat of the protocol; none if the directory is that of a single run.

    Raises:
      UserError: some of them do not exist.
    """
    home = MlrcDirectory(run_dir)
    if not home.exists:
        return []
    runs = [home.run(fold, repeat - 1) for fold in range(1, NUM_FOLDS + 1)]
    missing = [run.path.name for run in runs if not run.settings.exists()]
    if missing:
        raise UserError(
            f"{home.path} holds no {', '.join(missing)}, and repeat {repeat} needs four models; pass another "
            "--repeat_number, or resume main.py mlrc there."
        )
    return [str(run.path) for run in runs]


def _joined_scores(folds: Sequence[RestoredRun]) -> dict[str, float]:
    """Test scores of the concatenated embeddings."""
    embedded = [fold.embed() for fold in folds]
    joined = concatenated_embeddings([fold.embeddings for fold in embedded])
    return dataclasses.replace(embedded[0], embeddings=joined).result.means


def _sample(experiment: Experiment, network: Network) -> Sample | None:
    """Test images as PNG files, and the embeddings of these by the training code on the processor.

    A PNG file holds what a large JPEG file shows at its full resolution, which evaluation does not read: its pixels are
    prepared again.
    """
    test, image_format = experiment.splits.test, experiment.format
    examples = test.subset(np.unique(np.linspace(0, len(test) - 1, _SAMPLE_SIZE).astype(int)))
    files, prepared = [], []
    with tf.device("CPU:0"):
        for indices, _ in EvaluationImages(examples, image_format, experiment.bad_images):  # Those that can be read.
            for index in indices:
                pixels = read_all(examples.images.open(tf.constant(index)))
                files.append(tf.io.encode_png(pixels).numpy())
                prepared.append(evaluation_image(DecodedImage(pixels), image_format))
        if not files:
            return None
        embeddings = lipschitz_normalize(network(tf.stack(prepared), training=False)).numpy()
    full_precision = experiment.settings.network.mixed_precision == "none"
    return Sample(files, embeddings, TOLERANCE if full_precision else _HALF_PRECISION_TOLERANCE)
