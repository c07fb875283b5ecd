"""Data, network and loss of a run, and its trainer, from the settings."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Iterator, Sequence

import tensorflow as tf

from ccp.class_draws import DRAW_EVENLY, DrawBySize, DrawClasses
from ccp.distribution.replicas import Replicas
from ccp.errors import ConfigError
from ccp.methods.build import Sizes, build_loss
from ccp.training.trainer import Trainer
from datasets.examples import Examples
from datasets.files import cache_directory
from datasets.images.prepared import PreparedFiles
from datasets.images.sources import ImageFiles
from datasets.input.bad_images import BadImages
from datasets.input.cache import CachedImages
from datasets.input.pipelines import EvaluationImages, TrainingImages
from datasets.reading import load
from datasets.seen_classes import are_classes_seen, seen_class_splits
from datasets.splits import make_splits
from datasets.unlabelled import unlabelled_splits
from evaluate.embedded import Embedded
from evaluate.embedding import Embedder, Validator
from evaluate.geometry import spread
from experiments.earlier_network import earlier_network
from experiments.run_directory import RunDirectory
from experiments.settings import Settings
from experiments.stopping import NEVER, StopRequest
from experiments.workers import check_same_start
from models.embedding import EMBEDDING_LAYER, build_embedding_model, image_format
from models.synchronized import synchronized
from models.weights.start_weights import load_start_weights


class Experiment:
    """Data, network and loss, ready to be trained or evaluated.

    Attributes:
      settings: what it was built from.
      replicas: the devices to train on.
      splits: training, validation and test examples.
      bad_images: the unreadable images found so far.
      data_digest: of the data set's manifest.
      format: the network's input.
      model: the network.
      loss: the loss.
      embedder: the network, compiled for inference.
      class_draws: which classes are drawn when; by group, it is set before training.

    Args:
      settings: the run's settings.
      bad_images_record: the file in which unreadable images are kept; None keeps them nowhere.
      replicas: the devices to train on; None is one.
    """

    def __init__(
        self, settings: Settings, bad_images_record: pathlib.Path | None = None, replicas: Replicas | None = None
    ):
        data, seed = settings.data, settings.run.seed
        self.settings, self.replicas = settings, replicas or Replicas()
        manifest = load(data)
        if data.labels == "none":
            # Views are not larger than what is evaluated of an image; that does not depend on the channels.
            size = image_format(settings.network, 1).resize
            self.splits = unlabelled_splits(manifest, data, settings.augmentation, seed, size)
        elif are_classes_seen(manifest, data):
            self.splits = seen_class_splits(manifest, data, seed)
        else:
            self.splits = make_splits(manifest, data.validation, seed, data.crop_to_box, data.select_on_test)
        _check_enough_classes(self.splits.train.num_classes, settings)
        self.bad_images = BadImages(data.on_bad_image, bad_images_record, manifest.root)
        self.data_digest = manifest.digest()
        check_same_start(self.replicas, settings, self.data_digest)
        channels = self.splits.train.images.channels
        self.format = image_format(settings.network, channels)
        with self.replicas.scope():
            self.model = build_embedding_model(settings.network, channels, seed)
            if self.replicas.count > 1:
                self.model = synchronized(self.model)
            sizes = Sizes(
                self.splits.train.num_classes, settings.network.embedding_size, settings.batch.size, settings.run.seed
            )
            self.loss = build_loss(settings.loss.loss, settings.loss.hyperparameters, sizes)
        self.embedder = Embedder(self.model, self.replicas)
        by_size = settings.batch.class_draws == "by_size"
        self.class_draws: DrawClasses = DrawBySize(settings.batch.class_size_power) if by_size else DRAW_EVENLY

    def embed(self, examples: Examples, shared: bool = False) -> Embedded:
        """Examples by the network as it is now; unreadable images are left out.

        Args:
          examples: what to embed.
          shared: every process calls this, and does its share.
        """
        share = self.replicas.share if shared else slice
        images = EvaluationImages(examples, self.format, self.bad_images, share)
        return self.embedder.embed(images, shared)

    def embed_spread(self, examples: Examples, most: int) -> Embedded:
        """At most ``most`` of the examples, evenly spaced, with their embeddings by the network as it is now."""
        chosen = spread(examples.labels, most)
        embedded = self.embed(examples.subset(chosen))
        return Embedded(embedded.embeddings, examples, chosen[embedded.indices])

    def load_start_weights(self) -> None:
        """Loads the weights that a new training starts from."""
        load_start_weights(self.model, self.settings.network, earlier_network)

    @functools.cached_property
    def validator(self) -> Validator:
        """Scores the network on the validation images."""
        images = EvaluationImages(self.splits.validation, self.format, self.bad_images, self.replicas.share)
        if self.settings.data.cache != "none":
            images = CachedImages(images, on_disk=self.settings.data.cache == "disk")
        return Validator(self.embedder, images)

    def trainer(
        self,
        run: RunDirectory,
        callbacks: Sequence[tf.keras.callbacks.Callback] = (),
        should_stop: StopRequest = NEVER,
    ) -> Trainer:
        """A trainer over a run's checkpoints; a stop also interrupts validations and projections. See ``Trainer``."""
        settings = self.settings
        with self.replicas.scope():
            return Trainer(
                self.model,
                self.loss,
                self._batches,
                should_stop.at_once(self.validator),
                loop=settings.loop,
                projection=settings.projection,
                optimizer=settings.optimizer,
                gradients=settings.gradients,
                candidates=should_stop.at_once(self._candidates),
                head=self.model.get_layer(EMBEDDING_LAYER).trainable_variables,
                replicas=self.replicas,
                callbacks=callbacks,
                checkpoints=str(run.checkpoints),
                should_stop=should_stop,
                verbose=False,
            )

    @functools.cached_property
    def _training_images(self) -> TrainingImages:
        data = self.settings.data
        examples = self.splits.train
        if data.cache != "none" and isinstance(examples.images, ImageFiles):
            folder = cache_directory() / "images" if data.cache == "disk" else None
            examples = dataclasses.replace(examples, images=PreparedFiles(examples.images, self.format.resize, folder))
        return TrainingImages(
            examples,
            self.format,
            self.settings.augmentation,
            self.settings.run.seed,
            self.bad_images,
            self.replicas.share,
        )

    def _batches(self, epoch: int, step: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Training batches from a position on, without end."""
        return self._training_images.batches(
            classes_per_batch=self.settings.batch.classes_per_batch,
            examples_per_class=self.settings.batch.examples_per_class,
            steps_per_epoch=self.settings.loop.steps_per_epoch,
            epoch=epoch,
            step=step,
            classes=self.class_draws,
        )

    def _candidates(self, draw: int, per_class: int) -> tf.Tensor:
        """Embeddings of newly drawn training images: [num_classes, per_class, embedding_size]."""
        embeddings = self.embedder.raw(self._training_images.candidates(per_class, draw), shared=True)
        return tf.reshape(embeddings, [self.splits.train.num_classes, per_class, -1])


def _check_enough_classes(num_classes: int, settings: Settings) -> None:
    classes_per_batch = settings.batch.classes_per_batch
    if num_classes < classes_per_batch:
        raise ConfigError(
            f"A batch takes {classes_per_batch} classes, and the training set has {num_classes}"
            f"{', as every image is one' if settings.data.labels == 'none' else ''}. Add "
            f"--classes_per_batch={num_classes} to the command."
        )
