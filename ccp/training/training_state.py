"""The state of a training, and how the scores of an epoch change it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ccp.distribution.replicas import Replicas
from ccp.projection.alternation import AlternatingProjections
from ccp.projection.projector import Candidates, Projection, Projector
from ccp.projection.schedule import ProjectionSchedule
from ccp.projection.settings import ProjectionSettings
from ccp.projection.snapshot import Snapshot
from ccp.training.checkpoints import Checkpoints
from ccp.training.optimizers import OptimizerLike
from ccp.training.plateau import PlateauLearningRate
from ccp.training.progress import Progress, SavedAsJson
from ccp.training.rate_schedule import RateSchedule
from ccp.training.settings import GradientSettings, LoopSettings, OptimizerSettings
from ccp.training.training_step import TrainingStep, kept_variables
from ccp.training.weight_average import WeightAverage


class TrainingState:
    """The network, its loss and its optimizers, the best solutions so far, and the position; saved in checkpoints.

    Attributes:
      progress: the position, and the best score.
      overall_best: weights and proxies with the best score overall.
      projections: schedule, projector and best solution of the current problem; None if there is no ``CCPLoss``.
      average: of the network's trained weights; None without ``ema_decay``.
      step: makes a step.
      checkpoints: holds all of it.

    Args:
      model: a network that has its weights.
      loss: of labels and embeddings.
      candidates: for new proxies; only used with ``CCPLoss``.
      checkpoints: their directory; None keeps none.
      loop: see ``Trainer``; the others likewise.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        loss: tf.keras.losses.Loss,
        candidates: Candidates | None,
        checkpoints: str | None,
        *,
        loop: LoopSettings,
        projection: ProjectionSettings,
        optimizer: OptimizerLike,
        gradients: GradientSettings,
        head: Sequence[tf.Variable],
        replicas: Replicas,
    ):
        self._loop = loop
        self.progress = Progress()
        kept = kept_variables(model, loss)
        self.average = WeightAverage(model.trainable_variables, loop.ema_decay) if loop.ema_decay else None
        value_of = self.average and self.average.value_of
        self.overall_best = Snapshot(kept, "overall_best", value_of)
        self.projections: AlternatingProjections | None = None
        projected = getattr(loss, "projected", ())
        if projected:
            schedule = ProjectionSchedule.from_settings(projection, loop.min_improvement)
            projector = Projector(projected, model.trainable_variables, candidates, projection, replicas)
            self.projections = AlternatingProjections(projector, schedule, kept, value_of, projection.proxy_start_epoch)
        self._plateau: PlateauLearningRate | None = None
        if isinstance(optimizer, OptimizerSettings) and optimizer.learning_rate_schedule == "plateau":
            self._plateau = PlateauLearningRate.from_settings(optimizer, loop.min_improvement)
        self._full_rate, self._rates = 0.0, None
        if isinstance(optimizer, OptimizerSettings):
            self._full_rate = optimizer.learning_rate
            self._rates = RateSchedule.from_settings(optimizer, loop.steps_per_epoch)
        self.step = TrainingStep(
            model,
            loss,
            optimizer,
            gradients,
            head=head,
            average=self.average,
            projector=self.projections and self.projections.projector,
            replicas=replicas,
            jit_compile=loop.jit_compile,
        )
        plain = [self.progress, self.projections and self.projections.schedule, self._plateau]
        self._plain = SavedAsJson(*(state for state in plain if state is not None))
        saved = {
            "model": model,
            "layers": list(getattr(loss, "layers", ())),
            "optimizer": self.step.optimizer,
            "loss_scale": self.step.loss_scale,
            "average": self.average,
            "overall_best": self.overall_best,
            "projections": self.projections,
            "progress": self._plain,
        }
        self.checkpoints = Checkpoints(
            checkpoints, replicas.is_chief, **{name: part for name, part in saved.items() if part is not None}
        )

    def start(self) -> Projection | None:
        """Makes the first proxies, unless there are to be none yet; returns what was done to them."""
        if self.average is not None:
            self.average.start()
        projection = self.projections.start() if self.projections and not self.before_proxies else None
        self.overall_best.take()
        return projection

    @property
    def before_proxies(self) -> bool:
        """Whether the step to come is one before the first proxies."""
        return self.projections is not None and self.progress.epoch < self.projections.start_epoch

    def begin_step(self) -> None:
        """Sets the learning rate of the step to come, where it is a function of the step."""
        if self._rates is not None:
            full = self._plateau.learning_rate if self._plateau is not None else self._full_rate
            self.step.optimizer.learning_rate = self._rates.at(self.progress.total_steps, full)

    def evaluated(self) -> contextlib.AbstractContextManager:
        """Within this context the network has the weights that are evaluated: the averages, where there are any."""
        return self.average.in_place() if self.average is not None else contextlib.nullcontext()

    def after_epoch(self, scores: Mapping[str, float]) -> tuple[dict[str, Any], Projection | None]:
        """Keeps the evaluated weights if they are the best so far, adapts the learning rate, projects if it is time.

        Args:
          scores: of the network as it is now, by name.

        Returns:
          The logs of the epoch, and the projection, if one was made.
        """
        progress, loop, score = self.progress, self._loop, scores[self._loop.monitor]
        if progress.count_score(score, loop.min_improvement):
            self.overall_best.take()
        if self._plateau is not None:
            lowered = self._plateau.update(score)
            if self._rates is None:
                self.step.optimizer.learning_rate = lowered
        logs = progress.close_epoch(scores, learning_rate=self.step.optimizer.learning_rate)
        progress.finished = self._is_at_end()
        return logs, self._project_if_time()

    def extend(self) -> Projection | None:
        """Reopens a training that has ended, if by now it may train on: as if it had been told so from the start.

        Returns:
          The projection that its last epoch would have been followed by, if any.
        """
        progress = self.progress
        if not progress.finished or progress.stopped_by_callback or self._is_at_end():
            return None
        progress.finished = False
        return self._project_if_time()

    def _is_at_end(self) -> bool:
        progress, loop = self.progress, self._loop
        return progress.epoch >= loop.max_epochs or progress.epochs_without_improvement >= loop.early_stopping

    def _project_if_time(self) -> Projection | None:
        """Takes the last epoch's score, and makes a projection if it is time; neither at the end of training.

        A projection after the last step would have no effect.
        """
        progress, projection = self.progress, None
        if self.projections and not progress.finished:
            score = progress.last_logs[self._loop.monitor]
            projection = self.projections.after_epoch(progress.epoch, score, progress.learning_rate_sum)
        if not progress.finished:
            progress.learning_rate_sum = 0.0
        progress.last_logs["projections"] = self.projections.schedule.projections if self.projections else 0
        progress.last_logs["projected"] = projection is not None and projection.index > 0
        return projection

    @contextlib.contextmanager
    def repeated_if_interrupted(self) -> Iterator[None]:
        """Around ``after_epoch``: after a KeyboardInterrupt the position is as before, so that it can be called again.

        The network has its weights as trained. What was done to other variables is then done again, to the same values.
        """
        before = self._plain.serialize()
        try:
            yield
        except KeyboardInterrupt:
            self._plain.deserialize(before)
            if self.average is not None:
                self.average.put_back()
            raise
