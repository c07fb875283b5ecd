"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf

from ccp.distribution.replicas import Replicas
from ccp.errors import ConfigError, Interrupted, TrainingError, UserError
from ccp.keras_api import is_compiled
from ccp.projection.pool import candidates_from
from ccp.projection.projector import Candidates, Projection
from ccp.projection.settings import ProjectionSettings
from ccp.training.arguments import checked_loss, checked_optimizer
from ccp.training.batches import Batch, BatchesFrom, batches_from
from ccp.training.callbacks import TrainerCallbacks, announce
from ccp.training.optimizers import OptimizerLike
from ccp.training.progress import Progress
from ccp.training.progress_display import ProgressDisplay
from ccp.training.settings import GradientSettings, LoopSettings, OptimizerSettings
from ccp.training.step_results import UnreadResults
from ccp.training.training_state import TrainingState
from ccp.training.validation import Validation, as_validation

# Steps between two looks at their losses, which the device waits for; a loss that is not finite is found that late.
_READ_EVERY = 50


class Trainer:
    """Trains a network with a loss; with ``CCPLoss`` by alternating projections (arXiv 2209.09060, section 4).

    ``CCPLoss`` may be a term of ``SumOfLosses``, whose terms are logged as ``loss/NAME``.

    Per epoch: steps → validate → project if it is time → checkpoint → callbacks. Checkpoints hold the whole state. If
    ``batches`` and ``candidates`` depend on nothing but their arguments, runs are resumable: killed at any moment and
    resumed, a run ends with the same bits as an uninterrupted one.

    With ``LoopSettings(ema_decay=…)`` the network's trained weights are averaged over the steps. The averages are
    validated, kept as the best weights, left in the model at the end, and the anchor of projections; the weights as
    trained take the steps, embed the candidates for new proxies, and are what callbacks see during training.

    Keras callbacks work as they are. The logs of an epoch hold the scores of ``validate``, as ``map_at_r`` and not
    ``val_map_at_r``, ``loss``, ``learning_rate``, ``step`` (over all epochs), ``projections`` (so far) and
    ``projected`` (after this epoch). ``on_train_begin`` gets the number of finished epochs, ``epoch``, and the logs of
    the last of them. The logs of a batch hold its ``loss``; reading it makes the device wait, and the loop itself reads
    losses only every 50 steps and at the end of an epoch: a loss that is not finite ends training then, before anything
    is saved. Callbacks with a method ``on_projection(projection)`` are notified of the first proxies and of each
    projection. If a callback sets ``model.stop_training``, training ends after the epoch.

    Attributes:
      model: the network.
      loss: the loss.
      state: everything that checkpoints hold.
      progress: the position, and the best score.
      projections: schedule, projector and best solution of the current problem; None if there is no ``CCPLoss``.
      optimizer: of all variables, in groups.
      overall_best: weights and proxies with the best score overall.

    Args:
      model: images to embeddings [batch, embedding_size].
      loss: ``loss(labels [batch], embeddings)``; the variables of its ``layers``, if any, are trained too.
      batches: a ``tf.data.Dataset`` of (images, labels), such as ``balanced_batches`` makes; or a function of (epoch,
        step) that yields batches from that position on, without end. Batches may differ in size.
      validate: images and labels, or a dataset of batches of them, scored by retrieval; or a function that returns
        scores of the network as it is now.
      loop: steps, epochs and stopping.
      projection: when to project, and how.
      optimizer: settings; or any Keras optimizer, which is copied, or the name of one.
      gradients: what is done to gradients.
      candidates: draws and embeds the candidates for new proxies; from ``batches`` if None.
      head: the network's variables that are trained in warm-up epochs; all others are frozen then, and the network runs
        in inference mode.
      initialize: called once, at the start of a training that is not resumed: loads pretrained weights.
      replicas: the devices that share the batches, in whose scope network, loss and this trainer are made; None is one
        device. ``batches`` then yields the rows of this process.
      callbacks: Keras callbacks.
      checkpoints: directory of the checkpoints; None keeps none.
      should_stop: asked after every step; if it returns True, the position is saved and ``Interrupted`` raised.
      verbose: show the progress on standard error.

    Raises:
      ConfigError: the loss or the optimizer is none, or settings are something else.
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
        for given, kind in ((loop, LoopSettings), (projection, ProjectionSettings), (gradients, GradientSettings)):
            if not isinstance(given, kind):
                raise ConfigError(f"Trainer takes settings as ccp.{kind.__name__}(…); got {given!r}.")
        self.model, self.loss, self.replicas = model, checked_loss(loss), replicas or Replicas()
        self._loop, self._initialize, self._should_stop = loop, initialize, should_stop
        self.callbacks = [*callbacks, *([ProgressDisplay()] if verbose and self.replicas.is_chief else [])]
        self._batches = batches_from(batches, loop.steps_per_epoch)
        self._validate = as_validation(model, validate)
        if not model.built:
            model(next(self._batches(0, 0))[0])
        projected = getattr(loss, "projected", ())
        if candidates is None and projected:
            if self.replicas.num_workers > 1:
                raise ValueError("Several processes that train together with CCPLoss need ``candidates``.")
            candidates = candidates_from(model, projected[0].num_classes, batches)
        self.state = TrainingState(
            model,
            loss,
            candidates,
            checkpoints,
            loop=loop,
            projection=projection,
            optimizer=checked_optimizer(optimizer, allow_settings=True),
            gradients=gradients,
            head=head,
            replicas=self.replicas,
        )
        self.progress, self.projections = self.state.progress, self.state.projections
        self.overall_best, self.optimizer = self.state.overall_best, self.state.step.optimizer

    def fit(self) -> Progress:
        """Trains to the end, from the last checkpoint if there is one; leaves the best weights overall in the model.

        A training that had ended trains on if ``max_epochs`` or ``early_stopping`` is larger by now, with the same bits
        as if it had been so from the start.

        Raises:
          TrainingError: the loss or its gradient is not finite, or a validation score is missing or not finite.
          ConfigError: a callback monitors what the logs of the first epoch do not hold.
          Interrupted: ``should_stop`` returned True, or a KeyboardInterrupt came between the last step of an epoch and
            its checkpoint, which may take long; the position is saved.
        """
        self.replicas.barrier()  # Until the chief has its checkpoints in order.
        restored = self.restore()
        self.replicas.check_same_step(self.progress.total_steps if restored else None)
        projection = self.state.extend()
        callbacks = TrainerCallbacks(
            self.callbacks,
            self.model,
            epochs=self._loop.max_epochs,
            steps=self._loop.steps_per_epoch,
            steps_done=self.progress.total_steps,
            monitor=self._loop.monitor,
            finished=self.progress.finished,
        )
        callbacks.notify("on_train_begin", {"epoch": self.progress.epoch, **self.progress.last_logs})
        try:
            if not restored:
                self._initialize()
                projection = self.state.start()
            announce(self.callbacks, projection)
            if not restored:
                self.state.checkpoints.save()
            if not self.progress.finished:
                self._train_epochs(callbacks)
        finally:
            callbacks.notify("on_train_end", {})
        self.overall_best.put_back()
        return self.progress

    def restore(self) -> bool:
        """Restores everything from the last checkpoint that can be read; whether there is any.

        Raises:
          TrainingError: none of the checkpoints can be read.
        """
        if not is_compiled(self.model):
            # Callbacks look for it there. An earlier trainer's would be saved and restored in its place.
            self.model.optimizer = self.optimizer.first
        return self.state.checkpoints.restore()

    def _train_epochs(self, callbacks: TrainerCallbacks) -> None:
        batches = self._batches(self.progress.epoch, self.progress.step)
        results = UnreadResults(self.progress)
        while not self.progress.finished:
            epoch = self.progress.epoch
            callbacks.notify("on_epoch_begin", epoch, {})
            while self.progress.step < self._loop.steps_per_epoch:
                self._train_step(batches, results, callbacks)
                stop = self.replicas.any(self._should_stop())
                if stop or len(results) == _READ_EVERY or self.progress.step == self._loop.steps_per_epoch:
                    self._read(results)
                if stop:
                    self._stop(save=True)
            logs, projection = self._after_epoch()
            announce(self.callbacks, projection)
            self.state.checkpoints.save()
            callbacks.check_monitors(logs)
            callbacks.notify("on_epoch_end", epoch, logs)
            self.optimizer.synchronize()  # A callback may have set the learning rate.
            if self.replicas.any(self.model.stop_training) and not self.progress.finished:
                self.progress.finished = self.progress.stopped_by_callback = True
                self.state.checkpoints.save()
            if self.replicas.any(self._should_stop()) and not self.progress.finished:
                self._stop()

    def _train_step(self, batches: Iterator[Batch], results: UnreadResults, callbacks: TrainerCallbacks) -> None:
        step, warming_up = self.progress.step, self.progress.epoch < self._loop.warm_up_epochs
        callbacks.notify_of_batch("on_train_batch_begin", step)
        batch = next(batches, None)
        if batch is None:
            raise TrainingError(
                f"The batches ended at {self.progress.position()}; ``batches(epoch, step)`` must yield without end."
            )
        self.state.begin_step()
        images, labels = self.replicas.spread(*batch)
        result = self.state.step(images, labels, warming_up, self.state.before_proxies)
        self.progress.count_step()
        results.add(result)
        callbacks.notify_of_batch("on_train_batch_end", step, loss=result.loss)

    def _read(self, results: UnreadResults) -> None:
        problem = results.read()
        if problem is not None:
            raise TrainingError(
                f"The {problem}. {self._kept()} Look for broken images in the data, or start again with a lower "
                "learning rate."
            )

    def _after_epoch(self) -> tuple[dict[str, Any], Projection | None]:
        try:
            with self.state.repeated_if_interrupted():
                return self.state.after_epoch(self._validated_scores())
        except KeyboardInterrupt:
            if self.replicas.num_workers > 1:  # The others know nothing of it.
                raise
            self._stop(save=True)

    def _validated_scores(self) -> dict[str, float]:
        monitor, position = self._loop.monitor, self.progress.position()
        try:
            with self.state.evaluated():
                scores = dict(self._validate())
        except UserError as error:
            raise TrainingError(f"Validation after {position}: {error} {self._kept()}") from error
        values = self.replicas.broadcast_from_chief(np.array([float(value) for value in scores.values()]))
        scores = dict(zip(scores, values.tolist()))
        if monitor not in scores:
            raise TrainingError(f"Validation gave {', '.join(scores)}, but {monitor} is to be monitored.")
        if not np.isfinite(scores[monitor]):
            raise TrainingError(f"Validation after {position} gave {monitor} = {scores[monitor]}. {self._kept()}")
        return scores

    def _stop(self, save: bool = False) -> NoReturn:
        if save:
            self.state.checkpoints.save()
        kept = "all is saved." if self.state.checkpoints.newest else "no checkpoints are kept."
        raise Interrupted(f"Stopped after {self.progress.position()}; {kept}")

    def _kept(self) -> str:
        saved = self.state.checkpoints.newest
        return f"The last good checkpoint is {saved}." if saved else "No checkpoint was asked for."
