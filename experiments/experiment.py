"""One experiment: data, network, loss and trainer put together from a configuration, trained and judged."""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.distribution.replicas import Replicas
from ccp.methods.build import Sizes, build_loss
from ccp.training.progress_display import ProgressDisplay
from ccp.training.trainer import Trainer
from datasets.examples import Examples
from datasets.files import read_json, save_json
from datasets.input.bad_images import BadImages
from datasets.input.cache import DISK, MEMORY, ImagesKeptInMemory, ImagesKeptOnDisk
from datasets.input.formats import Augmentation
from datasets.input.pipelines import EvaluationImages, TrainingImages
from datasets.reading import load
from datasets.splits import make_splits
from evaluate.embedded import Embedded
from evaluate.embedding import Embedder, Validator, judged, retrieval
from evaluate.geometry import pair_distances, spread
from experiments.board import geometry_scalars, projection_figures, show_unseen
from experiments.description import describe
from experiments.earlier_network import earlier_network
from experiments.restarting import NotInVain
from experiments.run_callbacks import RunLog, TensorBoard
from experiments.run_directory import RunDirectory
from experiments.settings import Settings
from experiments.workers import (
    check_same_data,
    check_same_directory,
    check_same_settings,
    replicas_unless_finished,
    wait_for_result,
)
from models.embedding import EMBEDDING_LAYER, build_embedding_model, image_format
from models.synchronized import synchronized
from models.weights.start_weights import check_start_weights, load_start_weights

_MOST_SCATTERED = 1000


class Experiment:
    """Everything that a configuration describes, ready to be trained or judged.

    Attributes:
      settings: what it was built from.
      splits: training, validation and test examples.
      format: what the network takes in.
      model: the network.
      embedder: the network, compiled for inference.
      bad_images: those met so far.
      data_digest: of the data set's manifest.

    Args:
      settings: the run's settings.
      bad_images_record: the file that images that cannot be read are kept in.
      replicas: the devices to train on; None is one.
    """

    def __init__(
        self, settings: Settings, bad_images_record: pathlib.Path | None = None, replicas: Replicas | None = None
    ):
        self.settings = settings
        data = settings.data
        self.replicas = replicas or Replicas()
        manifest = load(data)
        self.splits = make_splits(manifest, data.validation, settings.run.seed, data.crop_to_box, data.select_on_test)
        self.bad_images = BadImages(data.on_bad_image, bad_images_record, manifest.root)
        self.data_digest = manifest.digest()
        check_same_data(self.replicas, self.data_digest)
        channels = self.splits.train.images.channels
        self.format = image_format(settings.network, channels)
        with self.replicas.scope():
            self.model = build_embedding_model(settings.network, channels, settings.run.seed)
            if self.replicas.count > 1:
                self.model = synchronized(self.model)
        self.embedder = Embedder(self.model, self.replicas)

    def describe(self) -> dict[str, Any]:
        """What is trained and how it is judged, for a result's record."""
        return describe(self.settings, self.splits, self.bad_images)

    def judge(self, part: str = "test") -> dict[str, float]:
        """Retrieval scores of the network as it is now, on a part of the data."""
        examples = getattr(self.splits, part)
        return judged(*self.embed(examples), examples)

    def embed(self, examples: Examples, shared: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings by the network as it is now; see ``Embedder.normalized``.

        Args:
          examples: of what.
          shared: every process calls this, and does its share.
        """
        share = self.replicas.share if shared else slice
        return self.embedder.normalized(EvaluationImages(examples, self.format, self.bad_images, share), shared)

    def trainer(
        self, run: RunDirectory, title: str | None = None, should_stop: Callable[[], bool] = lambda: False
    ) -> Trainer:
        """A trainer over a run's checkpoints.

        Args:
          run: the directory.
          title: shown with the progress; None writes and shows nothing but checkpoints.
          should_stop: see ``Trainer``.
        """
        with self.replicas.scope():
            return self._trainer(run, title, should_stop)

    def _trainer(self, run: RunDirectory, title: str | None, should_stop: Callable[[], bool]) -> Trainer:
        settings, train = self.settings, self.splits.train
        loss = build_loss(
            settings.loss.loss,
            settings.loss.hyperparameters,
            Sizes(train.num_classes, settings.network.embedding_size, settings.batch.size, settings.run.seed),
        )
        validator = Validator(self.embedder, self._validation_images(run))
        return Trainer(
            self.model,
            loss,
            self._training_batches,
            validator,
            loop=settings.loop,
            projection=settings.projection,
            optimizer=settings.optimizer,
            gradients=settings.gradients,
            candidates=self._candidates,
            head=self.model.get_layer(EMBEDDING_LAYER).trainable_variables,
            initialize=lambda: load_start_weights(self.model, settings.network, earlier_network),
            replicas=self.replicas,
            callbacks=self._callbacks(run, title, validator),
            checkpoints=str(run.checkpoints),
            should_stop=should_stop,
            verbose=False,
        )

    def _callbacks(
        self, run: RunDirectory, title: str | None, validator: Validator
    ) -> tuple[tf.keras.callbacks.Callback, ...]:
        of_all = (NotInVain(),) if self.replicas.num_workers > 1 else ()
        if title is None or not self.replicas.is_chief:
            return of_all
        validation = self.splits.validation

        def figures() -> dict[str, bytes]:
            validated = None
            if validator.embeddings is not None:
                of_set = (validation.class_names, validation, validator.kept)
                validated = Embedded(validator.embeddings, validator.labels, *of_set)
            return projection_figures(run, self.splits.train.class_names, validated)

        return (
            *of_all,
            RunLog(run, self._scatter),
            TensorBoard(
                run,
                lambda: pair_distances(validator.embeddings, validator.labels),
                figures,
                lambda: geometry_scalars(run),
            ),
            ProgressDisplay(title),
        )

    def _validation_images(self, run: RunDirectory):
        images = EvaluationImages(self.splits.validation, self.format, self.bad_images, self.replicas.share)
        if self.settings.data.cache == MEMORY:
            return ImagesKeptInMemory(images)
        if self.settings.data.cache == DISK:
            return ImagesKeptOnDisk(images, run.path / "cache")
        return images

    @functools.cached_property
    def _training_images(self) -> TrainingImages:
        data = self.settings.data
        augmentation = Augmentation(data.min_crop_area, data.max_crop_aspect, data.flip)
        images = (self.splits.train, self.format, augmentation, self.settings.run.seed, self.bad_images)
        return TrainingImages(*images, self.replicas.share)

    def _training_batches(self, epoch: int, step: int):
        return self._training_images.batches(
            classes_per_batch=self.settings.batch.classes_per_batch,
            examples_per_class=self.settings.batch.examples_per_class,
            steps_per_epoch=self.settings.loop.steps_per_epoch,
            epoch=epoch,
            step=step,
        )

    def _candidates(self, draw: int, per_class: int) -> tf.Tensor:
        embeddings = self.embedder.raw(self._training_images.candidates(per_class, draw), shared=True)
        return tf.reshape(embeddings, [self.splits.train.num_classes, per_class, -1])

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
    settings: Settings,
    run_dir: str | os.PathLike,
    title: str,
    should_stop: Callable[[], bool] = lambda: False,
    keep_embeddings: bool = False,
    on_board: bool = True,
) -> dict[str, Any]:
    """Trains a run to its end, or on from where it was, and judges its best weights on the unseen classes.

    Args:
      settings: the run's settings.
      run_dir: where everything is kept.
      title: shown with the progress.
      should_stop: see ``Trainer``.
      keep_embeddings: those of the unseen classes too, in the run's ``test_embeddings.npz``.
      on_board: show the unseen classes in TensorBoard, with its projector.

    Returns:
      What is also written to the run's ``result.json``.
    """
    run = RunDirectory(run_dir)
    replicas = replicas_unless_finished(settings, lambda: run.finished(settings, keep_embeddings), should_stop)
    if replicas is None:
        return read_json(run.result)
    with contextlib.ExitStack() as held:
        check_same_settings(replicas, settings)
        check_start_weights(settings.network)
        if replicas.is_chief:
            held.enter_context(run.claimed(settings))
        check_same_directory(replicas, run)
        experiment = Experiment(settings, run.bad_images, replicas)
        run.check_data(experiment.data_digest)
        if replicas.is_chief:
            run.record(settings, experiment.data_digest)
        trainer = experiment.trainer(run, title, should_stop)
        progress = trainer.fit()
        test = experiment.splits.test
        embeddings, kept = experiment.embed(test, shared=True)
        judgement = retrieval(embeddings, kept, test, recall_at=(), with_mrr=False)
        if keep_embeddings and replicas.is_chief:  # Before the result, which says that all is there.
            with open(run.test_embeddings, "wb") as file:
                np.savez(file, embeddings=embeddings, kept=kept)
        result = {
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch,
            "projections": progress.last_logs["projections"],
            "validation": {settings.loop.monitor: progress.best_score},
            "test": judgement.means,
        }
        # Last, as judging may meet images that cannot be read.
        result = {**experiment.describe(), **result, "retrieval": judgement.protocol}
        if replicas.is_chief:
            save_json(run.result, result)
        wait_for_result(replicas, run)
        if on_board and replicas.is_chief:
            unseen = Embedded(embeddings, test.labels[kept], test.class_names, test, kept)
            show_unseen(run, unseen, settings.loop.steps_per_epoch * progress.epoch)
    return result
