"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.distribution.replicas import Replicas
from ccp.errors import Interrupted, TrainingError, UserError
from ccp.projection.alternation import AlternatingProjections
from ccp.projection.pool import candidates_from
from ccp.projection.projector import Candidates, Projection, Projector
from ccp.projection.schedule import ProjectionSchedule
from ccp.projection.snapshot import Snapshot
from ccp.references.reference_loss import CCPLoss
from ccp.training.batches import Batch, BatchesFrom, batches_from
from ccp.training.callbacks import announce, callback_list
from ccp.training.checkpoints import Checkpoints
from ccp.training.optimizers import OptimizerLike
from ccp.training.plateau import PlateauLearningRate
from ccp.training.progress import Progress, SavedAsJson
from ccp.training.progress_display import ProgressDisplay
from ccp.training.settings import GradientSettings, LoopSettings, OptimizerSettings, ProjectionSettings
from ccp.training.training_step import TrainingStep, kept_variables
from ccp.training.validation import Validation, as_validation


class Trainer:
    """Trains a network with a loss; with ``CCPLoss`` by alternating projections (arXiv 2209.09060, section 4).

    Per epoch: steps → validate → decide on a projection → checkpoint → callbacks. Everything that the future depends on
    is in the checkpoint. If ``batches`` and ``candidates`` are functions of their arguments, a training that is killed
    at any moment and resumed equals one that never was, bit for bit.

    Callbacks are Keras' own, with the logs of ``validate`` under their names, ``loss``, ``learning_rate``, ``step`` (of
    all epochs), ``projections`` (so far) and ``projected`` (after this epoch). Two things are added: ``on_train_begin``
    gets the logs of the last whole epoch, and how many ``epoch``s are done, and callbacks with a method
    ``on_projection(projection)`` are told of the start and of each projection. ``model.stop_training = True`` ends
    training after the epoch.

    Attributes:
      model: the network.
      loss: the loss.
      progress: how far training has come.
      projections: schedule, projector and best weights of the current problem; None if the loss is no ``CCPLoss``.
      optimizer: of all variables, in groups.
      overall_best: weights and proxies with the best score overall.

    Args:
      model: images to embeddings [batch, embedding_size].
      loss: ``loss(labels [batch], embeddings)``; the variables of its ``layers``, if any, are trained too.
      batches: a ``tf.data.Dataset`` of (images, labels), such as ``balanced_batches`` makes; or a function of (epoch,
        step) that yields batches from that position on, without end. Batches may differ in size.
      validate: images and labels, scored by retrieval; or a function that returns scores of the network as it is now.
      loop: steps, epochs and stopping.
      projection: when to project, and how.
      optimizer: settings; or any Keras optimizer, which is copied.
      gradients: what is done to gradients.
      candidates: draws and embeds the candidates for new proxies; from ``batches`` if None.
      head: the network's variables that are trained in warm-up epochs too, when all others rest and the network runs
        in inference mode.
      initialize: called once, at the start of a training that is not resumed: loads pretrained weights.
      replicas: the devices that share the batches, in whose scope network, loss and this trainer are made; None is one
        device. ``batches`` then yields the rows of this process.
      callbacks: Keras callbacks.
      checkpoints: directory of the checkpoints; None keeps none.
      should_stop: asked after every step; if it returns True, the position is saved and ``Interrupted`` raised.
      verbose: show the progress on standard error.

    Raises:
      ValueError: the proxies of a ``CCPLoss`` cannot be re-initialised without ``candidates``.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        loss: tf.keras.losses.Loss,
        batches: tf.data.Dataset | BatchesFrom,
        validate: Validation,
        *,
        loop: LoopSettings = LoopSettings(),
        projection: ProjectionSettings = ProjectionSettings(),
        optimizer: OptimizerLike = OptimizerSettings(),
        gradients: GradientSettings = GradientSettings(),
        candidates: Candidates | None = None,
        head: Sequence[tf.Variable] = (),
        initialize: Callable[[], None] = lambda: None,
        replicas: Replicas | None = None,
        callbacks: Sequence[tf.keras.callbacks.Callback] = (),
        checkpoints: str | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        verbose: bool = True,
    ):
        self.model, self.loss, self.replicas = model, loss, replicas or Replicas()
        self._loop, self._initialize, self.should_stop = loop, initialize, should_stop
        self.callbacks = [*callbacks, *([ProgressDisplay()] if verbose and self.replicas.is_chief else [])]
        self._batches = batches_from(batches, loop.steps_per_epoch)
        self.validate = as_validation(model, validate)
        if not model.built:
            model(next(self._batches(0, 0))[0])

        kept = kept_variables(model, loss)
        self.overall_best = Snapshot(kept, "overall_best")
        self.progress = Progress()
        self.projections: AlternatingProjections | None = None
        projector = None
        if isinstance(loss, CCPLoss):
            if candidates is None:
                self._check_one_process()
                candidates = candidates_from(model, loss.proxies.num_classes, batches)
            projector = Projector(loss.proxies, model.trainable_variables, candidates, projection, self.replicas)
            schedule = ProjectionSchedule.from_settings(projection, loop.min_improvement)
            self.projections = AlternatingProjections(projector, schedule, kept)
        self.plateau: PlateauLearningRate | None = None
        if isinstance(optimizer, OptimizerSettings) and optimizer.learning_rate_schedule == "plateau":
            self.plateau = PlateauLearningRate.from_settings(optimizer, loop.min_improvement)
        self.training_step = TrainingStep(
            model,
            loss,
            optimizer,
            gradients,
            head=head,
            projector=projector,
            replicas=self.replicas,
            jit_compile=loop.jit_compile,
        )
        self.optimizer, self.loss_scale = self.training_step.optimizer, self.training_step.loss_scale
        states = [self.progress, self.projections and self.projections.schedule, self.plateau]
        self._checkpoints = Checkpoints(
            checkpoints,
            self.replicas.is_chief,
            model=model,
            layers=list(getattr(loss, "layers", ())),
            optimizer=self.optimizer,
            overall_best=self.overall_best,
            progress=SavedAsJson(*filter(None, states)),
            **({"projections": self.projections} if self.projections else {}),
            **({"loss_scale": self.loss_scale} if self.loss_scale else {}),
        )

    def fit(self) -> Progress:
        """Trains to the end, from the last checkpoint if there is one; leaves the best weights overall in the model.

        Raises:
          TrainingError: the loss or its gradient is not finite, or a validation score is missing or not finite.
          Interrupted: ``should_stop`` returned True; the position is saved.
        """
        self.replicas.barrier()  # Until the chief has its checkpoints in order.
        restored = self.restore()
        self.replicas.check_same_step(self.progress.total_steps if restored else None)
        callbacks = callback_list(
            self.callbacks,
            self.model,
            self.optimizer.first,
            epochs=self._loop.max_epochs,
            steps=self._loop.steps_per_epoch,
            steps_done=self.progress.total_steps,
            monitor=self._loop.monitor,
        )
        callbacks.on_train_begin({"epoch": self.progress.epoch, **self.progress.last_logs})
        try:
            if not restored:
                self._start()
            self._train_epochs(callbacks)
        finally:
            callbacks.on_train_end()
        self.overall_best.put_back()
        return self.progress

    def restore(self) -> bool:
        """Restores everything from the last checkpoint that can be read; whether there is any.

        Raises:
          TrainingError: there are checkpoints, and none of them can be read.
        """
        return self._checkpoints.restore()

    def _start(self) -> None:
        self._initialize()
        if self.projections is not None:
            announce(self.callbacks, self.projections.start())
        self.overall_best.take()
        self._checkpoints.save()

    def _train_epochs(self, callbacks: tf.keras.callbacks.CallbackList) -> None:
        if self.progress.finished:
            return
        batches = self._batches(self.progress.epoch, self.progress.step)
        while not self.progress.finished:
            epoch = self.progress.epoch
            callbacks.on_epoch_begin(epoch)
            self._train_steps(batches, callbacks)
            scores = self._validated_scores()
            projection = self._decide(scores[self._loop.monitor])
            logs = self._close_epoch(scores, projection)
            self._checkpoints.save()
            callbacks.on_epoch_end(epoch, logs)
            self._follow_callbacks()
            self._stop_if_asked()

    def _train_steps(self, batches: Iterator[Batch], callbacks: tf.keras.callbacks.CallbackList) -> None:
        while self.progress.step < self._loop.steps_per_epoch:
            step = self.progress.step
            callbacks.on_train_batch_begin(step)
            images, labels = self._next_batch(batches)
            may_be_skipped = self.loss_scale is not None and self.loss_scale.can_fall
            loss, gradient_norm = self.training_step(images, labels, self.progress.epoch < self._loop.warm_up_epochs)
            if not (np.isfinite(loss) and (np.isfinite(gradient_norm) or may_be_skipped)):
                raise TrainingError(self._non_finite(loss, gradient_norm))
            self.progress.count_step(loss)
            callbacks.on_train_batch_end(step, {"loss": loss})
            self._stop_if_asked(save=True)

    def _next_batch(self, batches: Iterator[Batch]) -> tuple[Any, Any]:
        """Images and labels, spread over the replicas."""
        try:
            images, labels = next(batches)
        except StopIteration:
            raise TrainingError(
                f"The batches ended at {self.progress.position()}; ``batches(epoch, step)`` must yield without end."
            ) from None
        return self.replicas.spread(images, labels)

    def _validated_scores(self) -> dict[str, float]:
        try:
            scores = dict(self.validate())
        except (UserError, ValueError) as error:
            raise TrainingError(f"Validation after {self.progress.position()}: {error} {self._kept()}") from error
        values = self.replicas.broadcast_from_chief(np.array([float(value) for value in scores.values()]))
        scores, monitor = dict(zip(scores, values.tolist())), self._loop.monitor
        if monitor not in scores:
            raise TrainingError(f"Validation gave {', '.join(scores)}, but {monitor} is to be monitored.")
        if not np.isfinite(scores[monitor]):
            raise TrainingError(
                f"Validation after {self.progress.position()} gave {monitor} = {scores[monitor]}. {self._kept()}"
            )
        return scores

    def _decide(self, score: float) -> Projection | None:
        """Keeps the weights if they are the best so far, adapts the learning rate, and projects if it is time."""
        if self.progress.count_score(score, self._loop.min_improvement):
            self.overall_best.take()
        if self.plateau is not None:
            self.optimizer.learning_rate = self.plateau.update(score)
        if self.projections is None or self._ends_with_this_epoch():
            return None  # A projection after the last step would have no effect.
        projection = self.projections.after_epoch(score)
        if projection is not None:
            announce(self.callbacks, projection)
        return projection

    def _close_epoch(self, scores: Mapping[str, float], projection: Projection | None) -> dict[str, Any]:
        self.progress.finished = self._ends_with_this_epoch()
        return self.progress.close_epoch(
            scores,
            learning_rate=self.optimizer.learning_rate,
            projections=self.projections.schedule.projections if self.projections else 0,
            projected=projection is not None,
        )

    def _ends_with_this_epoch(self) -> bool:
        """Asked once the epoch's score is counted."""
        loop, progress = self._loop, self.progress
        return progress.epoch + 1 >= loop.max_epochs or progress.epochs_without_improvement >= loop.early_stopping

    def _follow_callbacks(self) -> None:
        """Does what callbacks have asked for by changing the model or its optimizer."""
        self.optimizer.synchronize()
        if self.model.stop_training and not self.progress.finished:
            self.progress.finished = True
            self._checkpoints.save()

    def _stop_if_asked(self, save: bool = False) -> None:
        if self.replicas.any(self.should_stop()) and not self.progress.finished:
            if save:
                self._checkpoints.save()
            kept = "all is saved." if self._checkpoints.newest else "no checkpoints are kept."
            raise Interrupted(f"Stopped after {self.progress.position()}; {kept}")

    def _check_one_process(self) -> None:
        if self.replicas.num_workers > 1:
            raise ValueError("Several processes that train together with CCPLoss need ``candidates``.")

    def _non_finite(self, loss: float, gradient_norm: float) -> str:
        what = f"The loss is {loss}" if not np.isfinite(loss) else f"The norm of the gradient is {gradient_norm}"
        return (
            f"{what} at {self.progress.position(1)}. {self._kept()} Look for broken images in the data, or start again "
            "with a lower learning rate."
        )

    def _kept(self) -> str:
        saved = self._checkpoints.newest
        return f"The last good checkpoint is {saved}." if saved else "No checkpoint was asked for."
