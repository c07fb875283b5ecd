"""One experiment: data, network, loss and trainer put together from a configuration, trained and judged."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.config import DATASETS_IN_FOLDERS, Config
from ccp.errors import ConfigError
from ccp.logs import ProgressDisplay, RunLog, TensorBoard
from ccp.loss_names import WITH_PROJECTIONS
from ccp.losses.build import build_loss
from ccp.observers import Observer
from ccp.projections import Projector
from ccp.reinitializer import ProxyReinitializer, pool_size
from ccp.runs import RunDirectory, RunError, write_json
from ccp.trainer import Trainer
from datasets.bad_images import BadImages
from datasets.cache import DISK, MEMORY, ImagesKeptInMemory, ImagesKeptOnDisk
from datasets.catalog import load
from datasets.examples import Examples
from datasets.manifest import QUERY
from datasets.pipelines import EvaluationImages, TrainingImages
from datasets.preprocessing import Augmentation
from datasets.splits import split
from evaluate.board import geometry_scalars, projection_figures, show_unseen
from evaluate.embedded import Embedded
from evaluate.embedding import Embedder, Validator, judged, retrieval
from evaluate.geometry import pair_distances, spread
from models.embedding import build_embedding_model, image_format

_MOST_SCATTERED = 1000


class Experiment:
    """Everything that a configuration describes, ready to be trained or judged.

    Attributes:
      config: what it was built from.
      splits: training, validation and test examples.
      format: what the network takes in.
      model: the network.
      embedder: the network, compiled for inference.
      bad_images: those met so far.
      data_digest: of the data set's manifest.

    Args:
      config: the run's settings.
      bad_images_record: the file that images that cannot be read are kept in.
    """

    def __init__(self, config: Config, bad_images_record: pathlib.Path | None = None):
        self.config = config
        data = config.data
        manifest = load(data)
        self.data_digest = manifest.digest()
        self.splits = split(manifest, data.validation, config.loop.seed, data.crop_to_box, data.select_on_test)
        self.bad_images = BadImages(data.on_bad_image, bad_images_record, manifest.root)
        channels = self.splits.train.images.channels
        self.format = image_format(config.model, channels)
        self.model = build_embedding_model(config.model, channels, config.loop.seed)
        self.embedder = Embedder(self.model)

    def judge(self, part: str = "test") -> dict[str, float]:
        """Retrieval scores of the network as it is now, on a part of the data."""
        examples = getattr(self.splits, part)
        return judged(*self.embed(examples), examples)

    def embed(self, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings by the network as it is now; see ``Embedder.normalized``."""
        return self.embedder.normalized(EvaluationImages(examples, self.format, self.bad_images))

    def trainer(
        self, run: RunDirectory, title: str | None = None, should_stop: Callable[[], bool] = lambda: False
    ) -> Trainer:
        """A trainer over a run's checkpoints.

        Args:
          run: the directory.
          title: shown with the progress; None writes and shows nothing but checkpoints.
          should_stop: see ``Trainer``.
        """
        config, train = self.config, self.splits.train
        loss = build_loss(
            config.loss,
            num_classes=train.num_classes,
            embedding_size=config.model.embedding_size,
            batch_size=config.batch_size,
            seed=config.loop.seed,
        )
        validator = Validator(self.embedder, self._validation_images(run))
        return Trainer(
            self.model,
            loss,
            config,
            batches=self._training_batches,
            validate=validator,
            projector=self._projector(loss) if config.loss.method in WITH_PROJECTIONS else None,
            observers=() if title is None else self._observers(run, title, validator),
            checkpoints=str(run.checkpoints),
            should_stop=should_stop,
        )

    def _observers(self, run: RunDirectory, title: str, validator: Validator) -> tuple[Observer, ...]:
        loop, validation = self.config.loop, self.splits.validation

        def figures() -> dict[str, bytes]:
            validated = None
            if validator.embeddings is not None:
                of_set = (validation.class_names, validation, validator.kept)
                validated = Embedded(validator.embeddings, validator.labels, *of_set)
            return projection_figures(run, self.splits.train.class_names, validated)

        return (
            RunLog(run, self._scatter),
            TensorBoard(
                run,
                lambda: pair_distances(validator.embeddings, validator.labels),
                figures,
                lambda: geometry_scalars(run),
            ),
            ProgressDisplay(title, loop.steps_per_epoch, loop.max_epochs, loop.monitor),
        )

    def _validation_images(self, run: RunDirectory):
        images = EvaluationImages(self.splits.validation, self.format, self.bad_images)
        if self.config.data.cache == MEMORY:
            return ImagesKeptInMemory(images)
        if self.config.data.cache == DISK:
            return ImagesKeptOnDisk(images, run.path / "cache")
        return images

    @functools.cached_property
    def _training_images(self) -> TrainingImages:
        data = self.config.data
        augmentation = Augmentation(data.min_crop_area, data.max_crop_aspect, data.flip)
        return TrainingImages(self.splits.train, self.format, augmentation, self.config.loop.seed, self.bad_images)

    def _training_batches(self, epoch: int, step: int):
        loop = self.config.loop
        return self._training_images.batches(
            classes_per_batch=loop.classes_per_batch,
            examples_per_class=loop.examples_per_class,
            steps_per_epoch=loop.steps_per_epoch,
            epoch=epoch,
            step=step,
        )

    def _projector(self, loss) -> Projector:
        settings = self.config.loss
        num_candidates = pool_size(settings.pool_size, settings.proxies_per_class)

        def candidates(draw: int) -> tf.Tensor:
            images = self._training_images.candidates(num_candidates, draw)
            return tf.reshape(self.embedder.raw(images), [self.splits.train.num_classes, num_candidates, -1])

        return Projector(
            loss.proxies,
            self.model.trainable_variables,
            ProxyReinitializer(settings.proxies_per_class, settings.normalize_candidates),
            candidates,
            self.config.projection.proximal_weight,
            self.config.projection.proximal_decay,
        )

    def _scatter(self) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings and labels of evenly spaced training examples, to be drawn and measured."""
        train = self.splits.train
        chosen = spread(train.labels, _MOST_SCATTERED)
        examples = train.subset(chosen)
        embeddings, kept = self.embed(examples)
        return embeddings, train.labels[chosen][kept]


def make_deterministic() -> None:
    """Makes this process compute the same bits every time; to be called before anything is built."""
    tf.config.experimental.enable_op_determinism()


def train_run(
    config: Config,
    run_dir: str | os.PathLike,
    title: str,
    should_stop: Callable[[], bool] = lambda: False,
    keep_embeddings: bool = False,
    on_board: bool = True,
) -> dict[str, Any]:
    """Trains a run to its end, or on from where it was, and judges its best weights on the unseen classes.

    Args:
      config: the run's settings.
      run_dir: where everything is kept.
      title: shown with the progress.
      should_stop: see ``Trainer``.
      keep_embeddings: those of the unseen classes too, in the run's ``test_embeddings.npz``.
      on_board: show the unseen classes in TensorBoard, with its projector.

    Returns:
      What is also written to the run's ``result.json``.
    """
    run = RunDirectory(run_dir)
    with run.claimed(config):
        experiment = Experiment(config, run.bad_images)
        run.check_data(experiment.data_digest)
        run.record(config, experiment.data_digest)
        trainer = experiment.trainer(run, title, should_stop)
        progress = trainer.fit()
        test = experiment.splits.test
        embeddings, kept = experiment.embed(test)
        judgement = retrieval(embeddings, kept, test, recall_at=(), with_mrr=False)
        if keep_embeddings:  # Before the result, which says that all is there.
            with open(run.test_embeddings, "wb") as file:
                np.savez(file, embeddings=embeddings, kept=kept)
        result = {
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch,
            "projections": trainer.schedule.projections,
            "validation": {config.loop.monitor: progress.best_score},
            "test": judgement.means,
        }
        # Last, as judging may meet images that cannot be read.
        result = {**describe(experiment), **result, "retrieval": judgement.protocol}
        write_json(run.result, result)
        if on_board:
            unseen = Embedded(embeddings, test.labels[kept], test.class_names, test, kept)
            show_unseen(run, unseen, config.loop.steps_per_epoch * progress.epoch)
    return result


def restored_experiment(
    run_dir: str, data_dir: str | None = None, on_bad_image: str | None = None
) -> tuple[Experiment, Mapping[str, Any]]:
    """A run's experiment with the best weights so far in the network, and how far the run is.

    Args:
      run_dir: of the run.
      data_dir: where its data lie now, if they have moved.
      on_bad_image: ``stop`` or ``skip``; None for what the run does.

    Raises:
      RunError: the directory holds no run, or one that has not saved anything yet.
    """
    run = RunDirectory(run_dir)
    config = run.load_config()
    if data_dir and config.data.dataset not in (*DATASETS_IN_FOLDERS, "csv"):
        raise ConfigError(f"--data_dir has no effect on a run with {config.data.dataset}; leave it out.")
    if data_dir:
        listing = config.data.manifest
        moved = os.path.join(data_dir, os.path.basename(listing))
        if listing and not os.path.exists(listing) and os.path.exists(moved):
            listing = moved  # It has moved with its images.
        data = dataclasses.replace(config.data, data_dir=os.path.abspath(data_dir), manifest=listing)
        config = dataclasses.replace(config, data=data)
    if on_bad_image:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, on_bad_image=on_bad_image))
    experiment = Experiment(config, run.bad_images)
    run.check_data(experiment.data_digest)
    trainer = experiment.trainer(run)
    if not trainer.restore():
        raise RunError(f"{run.path} has no checkpoint yet; let main.py train go on in it for an epoch.")
    trainer.overall_best.put_back()
    progress = trainer.progress
    return experiment, {"epochs": progress.epoch, "best_epoch": progress.best_epoch, "finished": progress.finished}


def describe(experiment: Experiment) -> dict[str, Any]:
    """What was trained and how it is judged, for a result's record."""
    splits, bad = experiment.splits, experiment.bad_images.found
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    test = f"{len(splits.test)} images of {splits.test.num_classes} classes never seen in training"
    num_queries = int((splits.test.roles == QUERY).sum())
    return {
        "dataset": experiment.config.data.dataset,
        "loss": experiment.config.loss.loss,
        "seed": experiment.config.loop.seed,
        "data": {
            **{name: {"images": len(part), "classes": part.num_classes} for name, part in parts.items()},
            "unreadable_images_left_out": len(bad),
        },
        "protocol": {
            "test": f"retrieval of {num_queries} queries in a gallery, {test}"
            if num_queries
            else f"leave-one-out retrieval by index over {test}",
            "model_selection": f"best {experiment.config.loop.monitor} on {splits.validation_is} "
            f"({len(splits.validation)} images of {splits.validation.num_classes} classes)",
            "distance": "Euclidean between lipschitz-normalised embeddings",
        },
    }
