"""One experiment: data, network, loss and trainer put together from a configuration, trained and judged."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.config import Config
from ccp.errors import ConfigError
from ccp.logs import ProgressDisplay, RunLog, TensorBoard
from ccp.loss_names import WITH_PROJECTIONS
from ccp.losses.build import build_loss
from ccp.observers import Observer
from ccp.projections import Projector
from ccp.reinitializer import ProxyReinitializer, pool_size
from ccp.runs import RunDirectory, RunError, write_json
from ccp.trainer import Trainer
from datasets.manifest import Examples
from datasets.pipelines import candidate_batches, evaluation_batches, training_batches
from datasets.preprocessing import WRITING
from datasets.splits import split
from evaluate.embedding import Embedder, Validator
from evaluate.figures import latest_projection_figure
from evaluate.geometry import pair_distances
from evaluate.metrics import retrieval_metrics
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

    Args:
      config: the run's settings.
    """

    def __init__(self, config: Config):
        self.config = config
        train_side, test = importlib.import_module(f"datasets.{config.data.dataset}").load(config.data.data_dir)
        self.splits = split(train_side, test, config.data.validation, config.loop.seed)
        channels = train_side.images.shape[-1]
        self.format = image_format(config.model, channels)
        self.model = build_embedding_model(config.model, channels, config.loop.seed)
        self.embedder = Embedder(self.model)

    def judge(self, part: str = "test") -> dict[str, float]:
        """Leave-one-out retrieval scores of the network as it is now, on a part of the data."""
        examples = getattr(self.splits, part)
        return retrieval_metrics(self.embed(examples), examples.labels)

    def embed(self, examples: Examples) -> np.ndarray:
        """Normalised embeddings [num_examples, embedding_size] of the network as it is now."""
        return self.embedder.normalized(evaluation_batches(examples, self.format))

    def trainer(
        self, run: RunDirectory, title: str | None = None, should_stop: Callable[[], bool] = lambda: False
    ) -> Trainer:
        """A trainer over a run's checkpoints.

        Args:
          run: the directory.
          title: shown with the progress; None writes and shows nothing but checkpoints.
          should_stop: see ``Trainer``.
        """
        config, train, validation = self.config, self.splits.train, self.splits.validation
        loss = build_loss(
            config.loss,
            num_classes=train.num_classes,
            embedding_size=config.model.embedding_size,
            batch_size=config.batch_size,
            seed=config.loop.seed,
        )
        validator = Validator(self.embedder, evaluation_batches(validation, self.format), validation.labels)
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
        loop = self.config.loop
        return (
            RunLog(run, self._scatter),
            TensorBoard(
                run,
                lambda: pair_distances(validator.embeddings, validator.labels),
                lambda: latest_projection_figure(run),
            ),
            ProgressDisplay(title, loop.steps_per_epoch, loop.max_epochs, loop.monitor),
        )

    def _training_batches(self, epoch: int, step: int):
        loop = self.config.loop
        return iter(
            training_batches(
                self.splits.train,
                self.format,
                WRITING,
                classes_per_batch=loop.classes_per_batch,
                examples_per_class=loop.examples_per_class,
                steps_per_epoch=loop.steps_per_epoch,
                seed=loop.seed,
                epoch=epoch,
                step=step,
            )
        )

    def _projector(self, loss) -> Projector:
        settings = self.config.loss
        num_candidates = pool_size(settings.pool_size, settings.proxies_per_class)

        def candidates(draw: int) -> tf.Tensor:
            batches = candidate_batches(
                self.splits.train,
                self.format,
                WRITING,
                num_candidates=num_candidates,
                seed=self.config.loop.seed,
                draw=draw,
            )
            return tf.reshape(self.embedder.raw(batches), [self.splits.train.num_classes, num_candidates, -1])

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
        order = np.argsort(train.labels, kind="stable")
        chosen = order[np.unique(np.linspace(0, len(order) - 1, _MOST_SCATTERED).astype(int))]
        examples = train.subset(chosen)
        return self.embed(examples), examples.labels


def make_deterministic() -> None:
    """Makes this process compute the same bits every time; to be called before anything is built."""
    tf.config.experimental.enable_op_determinism()


def train_run(
    config: Config, run_dir: str, title: str, should_stop: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """Trains a run to its end, or on from where it was, and judges its best weights on the unseen classes.

    Args:
      config: the run's settings.
      run_dir: where everything is kept.
      title: shown with the progress.
      should_stop: see ``Trainer``.

    Returns:
      What is also written to the run's ``result.json``.
    """
    run = RunDirectory(run_dir)
    with run.claimed(config):
        experiment = Experiment(config)
        run.record(config)
        trainer = experiment.trainer(run, title, should_stop)
        progress = trainer.fit()
        result = {
            **describe(experiment),
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch,
            "projections": trainer.schedule.projections,
            "validation": {config.loop.monitor: progress.best_score},
            "test": experiment.judge("test"),
        }
        write_json(run.result, result)
    return result


def restored_experiment(run_dir: str, data_dir: str | None = None) -> tuple[Experiment, Mapping[str, Any]]:
    """A run's experiment with the best weights so far in the network, and how far the run is.

    Args:
      run_dir: of the run.
      data_dir: where its data lie now, if they have moved.

    Raises:
      RunError: the directory holds no run, or one that has not saved anything yet.
    """
    run = RunDirectory(run_dir)
    config = run.load_config()
    if data_dir and config.data.dataset == "digits":
        raise ConfigError("--data_dir has no effect on a run with digits, which come with scikit-learn; leave it out.")
    if data_dir:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, data_dir=data_dir))
    experiment = Experiment(config)
    trainer = experiment.trainer(run)
    if not trainer.restore():
        raise RunError(f"{run.path} has no checkpoint yet; let main.py train go on in it for an epoch.")
    trainer.overall_best.put_back()
    progress = trainer.progress
    return experiment, {"epochs": progress.epoch, "best_epoch": progress.best_epoch, "finished": progress.finished}


def describe(experiment: Experiment) -> dict[str, Any]:
    """What was trained and how it is judged, for a result's record."""
    splits = experiment.splits
    return {
        "dataset": experiment.config.data.dataset,
        "loss": experiment.config.loss.loss,
        "seed": experiment.config.loop.seed,
        "protocol": {
            "test": f"leave-one-out retrieval by index over {len(splits.test)} images of "
            f"{splits.test.num_classes} classes never seen in training",
            "model_selection": f"best {experiment.config.loop.monitor} on {splits.validation_is} "
            f"({len(splits.validation)} images of {splits.validation.num_classes} classes)",
            "distance": "Euclidean between lipschitz-normalised embeddings",
        },
    }
