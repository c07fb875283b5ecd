"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.distribution.replicas import Replicas
from ccp.errors import Interrupted, TrainingError, UserError
from ccp.projection.projector import Projection, ProjectionSchedule, Projector, Snapshot
from ccp.references.reference_loss import CCPLoss
from ccp.training.checkpoints import Checkpoints
from ccp.training.observers import Observer
from ccp.training.optimizers import PlateauLearningRate
from ccp.training.progress import Progress
from ccp.training.settings import GradientSettings, LoopSettings, OptimizerSettings, ProjectionSettings
from ccp.training.training_step import TrainingStep


class Trainer:
    """Trains a network with a loss, projecting as CCP does if it is given a projector.

    Per epoch: steps → validate → decide on a projection → checkpoint → log. Everything that the future
    depends on is in the checkpoint, and everything random comes from ``batches`` and the projector's
    candidates, which are functions of (seed, epoch, position): a training that is killed at any moment and
    resumed equals one that never was.

    Args:
      model: images to embeddings [batch, embedding_size].
      loss: ``loss(labels [batch], embeddings)``; the variables of its ``layers``, if any, are trained too.
      loop: steps, epochs and stopping.
      optimizer: its kind and its learning rate.
      gradients: what is done to them.
      projection: when to project.
      batch_size: rows of a batch.
      mixed_precision: ``float16`` scales the loss.
      batches: called as ``batches(epoch, step)``; yields (images, labels) from that position on, without end.
      validate: returns the validation scores of the network as it is now.
      projector: None trains the base loss alone.
      head: the network's variables that are trained in warm-up epochs too, when all others rest and the network runs
        in inference mode.
      initialize: called once, before a training that starts and is not resumed: loads pretrained weights.
      replicas: the devices that share the batches, in whose scope network, loss and this trainer are made; None is one
        device. ``batches`` then yields the rows of this process.
      observers: told of steps, projections and epochs.
      checkpoints: directory of the checkpoints; None keeps none.
      should_stop: asked after every step; when it says yes, the position is saved and ``Interrupted`` raised.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        loss: tf.keras.losses.Loss,
        *,
        loop: LoopSettings,
        optimizer: OptimizerSettings,
        gradients: GradientSettings,
        projection: ProjectionSettings,
        batch_size: int,
        mixed_precision: str = "none",
        batches: Callable[[int, int], Iterator[tuple[tf.Tensor, tf.Tensor]]],
        validate: Callable[[], Mapping[str, float]],
        projector: Projector | None = None,
        head: Sequence[tf.Variable] = (),
        initialize: Callable[[], None] = lambda: None,
        replicas: Replicas | None = None,
        observers: tuple[Observer, ...] = (),
        checkpoints: str | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ):
        self.model, self.loss = model, loss
        self._loop, self._optimizer_settings = loop, optimizer
        self.batches, self.validate, self.projector = batches, validate, projector
        self.observers, self.should_stop, self._initialize = tuple(observers), should_stop, initialize
        if isinstance(loss, CCPLoss) and projector is None:
            raise ValueError(
                "CCPLoss needs a projector, which re-initialises its proxies. Pass projector=Projector(…), or train "
                "with ReferenceLoss against proxies that stay."
            )

        self.replicas = replicas or Replicas()
        layers = list(getattr(loss, "layers", ()))
        self._step = TrainingStep(
            model, loss, layers, optimizer, gradients, mixed_precision, loop.jit_compile, head, projector, self.replicas
        )
        self.optimizer, self.loss_scale = self._step.optimizer, self._step.loss_scale
        kept = list(model.weights) + [v for layer in layers for v in layer.trainable_variables]
        self.problem_best = Snapshot(kept, "problem_best")
        self.overall_best = Snapshot(kept, "overall_best")
        self.progress = Progress()
        self.schedule = ProjectionSchedule(
            projection.projection,
            projection.patience,
            projection.projection_period,
            loop.min_improvement,
        )
        self.plateau = PlateauLearningRate(
            optimizer.learning_rate,
            optimizer.plateau_epochs,
            optimizer.plateau_factor,
            optimizer.min_learning_rate,
            loop.min_improvement,
        )
        self._checkpoints = Checkpoints(
            checkpoints,
            self.replicas.is_chief,
            model=model,
            optimizer=self.optimizer,
            layers=layers,
            problem_best=self.problem_best,
            overall_best=self.overall_best,
            progress=self.progress.saved_with(self.schedule, self.plateau),
            **({"projector": projector} if projector else {}),
            **({"loss_scale": self.loss_scale} if self.loss_scale else {}),
        )

    def fit(self) -> Progress:
        """Trains to the end, from the last checkpoint if there is one; leaves the best weights overall in the model.

        Raises:
          TrainingError: the loss or its gradient is not finite, or a validation score is missing or not finite.
          Interrupted: ``should_stop`` said so; the position is saved.
        """
        try:
            self._start()
            self._train_epochs()
        finally:
            self._tell("on_end")
        self.overall_best.put_back()
        return self.progress

    def restore(self) -> bool:
        """Takes everything from the last checkpoint that can be read; whether there is any.

        Raises:
          TrainingError: there are checkpoints, and none of them can be read.
        """
        return self._checkpoints.restore()

    def _start(self) -> None:
        self.replicas.barrier()  # Until the chief has its checkpoints in order.
        restored = self.restore()
        self.replicas.check_same_step(self.progress.total_steps if restored else None)
        self._tell("on_start", self.progress)
        if restored:
            return
        self._initialize()
        if self.projector is not None:
            self._tell("on_projection", self.projector.initialize())
        self.problem_best.take()
        self.overall_best.take()
        self._checkpoints.save()

    def _train_epochs(self) -> None:
        if self.progress.finished:
            return
        batches = self.batches(self.progress.epoch, self.progress.step)
        while not self.progress.finished:
            self._train_steps(batches)
            scores = self._validated_scores()
            projection = self._decide(scores[self._loop.monitor])
            record = self._close_epoch(scores, projection)
            self._checkpoints.save()
            self._tell("on_epoch", record)
            self._stop_if_asked()

    def _train_steps(self, batches: Iterator[tuple[tf.Tensor, tf.Tensor]]) -> None:
        while self.progress.step < self._loop.steps_per_epoch:
            images, labels = self.replicas.spread(*self._next_batch(batches))
            warming_up = self.progress.epoch < self._loop.warm_up_epochs
            may_be_left_out = self.loss_scale is not None and self.loss_scale.can_fall
            loss, gradient_norm = self._step(images, labels, warming_up)
            if not (np.isfinite(loss) and (np.isfinite(gradient_norm) or may_be_left_out)):
                raise TrainingError(self._non_finite(loss, gradient_norm))
            self.progress.count_step(loss)
            self._tell("on_step", self.progress, loss)
            self._stop_if_asked(save=True)

    def _next_batch(self, batches: Iterator[tuple[tf.Tensor, tf.Tensor]]) -> tuple[tf.Tensor, tf.Tensor]:
        try:
            return next(batches)
        except StopIteration:
            raise TrainingError(
                f"The batches ended at {self._position()}; ``batches(epoch, step)`` must go on without end."
            ) from None

    def _validated_scores(self) -> dict[str, float]:
        try:
            scores = self._of_chief(self.validate())
        except UserError as error:
            raise TrainingError(f"Validation after {self._position()}: {error} {self._kept()}") from error
        monitor = self._loop.monitor
        if monitor not in scores:
            raise TrainingError(f"Validation gave {', '.join(scores)}, but {monitor} is to be monitored.")
        if not np.isfinite(scores[monitor]):
            raise TrainingError(
                f"Validation after {self._position()} gave {monitor} = {scores[monitor]}. {self._kept()}"
            )
        return scores

    def _of_chief(self, scores: Mapping[str, float]) -> dict[str, float]:
        values = self.replicas.broadcast_from_chief(np.array([float(value) for value in scores.values()]))
        return dict(zip(scores, values.tolist()))

    def _decide(self, score: float) -> Projection | None:
        """Keeps the weights if they are the best so far, moves the learning rate, and projects if it is time."""
        if self.progress.count_score(score, self._loop.min_improvement):
            self.overall_best.take()
        if self._optimizer_settings.learning_rate_schedule == "plateau":
            self.optimizer.learning_rate = self.plateau.update(score)
        if self.projector is None or self._ends_with_this_epoch():
            return None  # A projection after the last step would serve nothing.
        decision = self.schedule.update(score)
        if decision.improved:
            self.problem_best.take()
        if not decision.project:
            return None
        projection = self.projector.project(self.schedule.projections, self.problem_best)
        self._tell("on_projection", projection)
        return projection

    def _close_epoch(self, scores: Mapping[str, float], projection: Projection | None) -> dict[str, Any]:
        self.progress.finished = self._ends_with_this_epoch()
        return self.progress.close_epoch(
            scores,
            learning_rate=self.optimizer.learning_rate,
            projections=self.schedule.projections,
            projected=projection is not None,
        )

    def _ends_with_this_epoch(self) -> bool:
        """Asked once the epoch's score is counted."""
        loop, progress = self._loop, self.progress
        return progress.epoch + 1 >= loop.max_epochs or progress.epochs_without_improvement >= loop.early_stopping

    def _stop_if_asked(self, save: bool = False) -> None:
        if self.replicas.any(self.should_stop()) and not self.progress.finished:
            if save:
                self._checkpoints.save()
            kept = "all is saved." if self._checkpoints.newest else "nothing was to be saved."
            raise Interrupted(f"Stopped after {self._position()}; {kept}")

    def _tell(self, event: str, *what: Any) -> None:
        for observer in self.observers:
            getattr(observer, event)(*what)

    def _non_finite(self, loss: float, gradient_norm: float) -> str:
        what = f"The loss is {loss}" if not np.isfinite(loss) else f"The norm of the gradient is {gradient_norm}"
        return (
            f"{what} at {self._position(1)}. {self._kept()} Look for broken images in the data, or start again in "
            "another --run_dir with a lower --learning_rate."
        )

    def _position(self, ahead: int = 0) -> str:
        at = self.progress
        return f"step {at.step + ahead} of epoch {at.epoch + 1} (step {at.total_steps + ahead} overall)"

    def _kept(self) -> str:
        saved = self._checkpoints.newest
        return f"The last good checkpoint is {saved}." if saved else "No checkpoint was asked for."
