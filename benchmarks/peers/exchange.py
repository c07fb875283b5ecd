"""What both sides train from, as files: the images of every step, start weights, settings, and what is evaluated.

In the directory of a seed are ``batches.npy`` [steps, batch, size, size, channels] float32, augmented, in 0 … 255,
``labels.npy`` [steps, batch], ``test_images.npy`` and ``test_labels.npy``; in a directory for each loss below it
``weights.npz`` and ``settings.json``.
"""

from __future__ import annotations

import pathlib

import numpy as np

from ccp.keras_api import weight_name
from datasets.files import save_json, written_whole
from datasets.input.pipelines import EvaluationImages, TrainingImages
from experiments.experiment import Experiment


def write_exchange(experiment: Experiment, directory: pathlib.Path) -> pathlib.Path:
    """Writes what a training of the experiment needs; the images of a seed are written once for all losses.

    Args:
      experiment: not trained yet.
      directory: holds those of all seeds.

    Returns:
      The directory of the seed and the loss.
    """
    settings = experiment.settings
    of_seed = directory / f"seed{settings.run.seed}"
    own = of_seed / settings.loss.loss.rpartition("/")[2]
    own.mkdir(parents=True, exist_ok=True)
    if not (of_seed / "test_labels.npy").exists():  # Written last.
        _write_images(experiment, of_seed)
    weights = {
        f"{layer.name}/{weight_name(layer, variable)}": np.asarray(variable)
        for layer in experiment.model.layers
        for variable in layer.weights
    }
    for proxies in experiment.loss.layers:
        weights["proxies"] = proxies.references()[1].numpy()
    with written_whole(own / "weights.npz") as path, open(path, "wb") as file:
        np.savez(file, **weights)
    save_json(
        own / "settings.json",
        {
            "loss": settings.loss.loss.rpartition("/")[2],
            "hyperparameters": dict(settings.loss.hyperparameters),
            "num_classes": experiment.splits.train.num_classes,
            "learning_rate": settings.optimizer.learning_rate,
            "weight_decay": settings.gradients.weight_decay,
            "clip_norm": settings.gradients.clip_norm,
            "clip_value": settings.gradients.clip_value,
        },
    )
    return own


def _write_images(experiment: Experiment, directory: pathlib.Path) -> None:
    settings, examples = experiment.settings, experiment.splits.train
    batch, loop = settings.batch, settings.loop
    steps = loop.max_epochs * loop.steps_per_epoch
    batches = TrainingImages(examples, experiment.format, settings.augmentation, settings.run.seed).batches(
        classes_per_batch=batch.classes_per_batch,
        examples_per_class=batch.examples_per_class,
        steps_per_epoch=loop.steps_per_epoch,
    )
    labels = np.zeros([steps, batch.size], np.int64)
    shape = (steps, batch.size, experiment.format.size, experiment.format.size, experiment.format.channels)
    images = np.lib.format.open_memmap(directory / "batches.npy", "w+", np.float32, shape)
    for step, (of_step, labels_of_step) in zip(range(steps), batches):
        images[step], labels[step] = of_step, labels_of_step
    images.flush()
    np.save(directory / "labels.npy", labels)
    test = EvaluationImages(experiment.splits.test, experiment.format)
    np.save(directory / "test_images.npy", np.concatenate([of_batch for _, of_batch in test]))
    np.save(directory / "test_labels.npy", experiment.splits.test.labels)
