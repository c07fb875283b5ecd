"""Keras callbacks that project, for ``CCPModel.fit``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ccp.errors import ConfigError
from ccp.projection.alternation import AlternatingProjections
from ccp.projection.schedule import ProjectionSchedule
from ccp.projection.settings import ProjectionSettings
from ccp.projection.snapshot import Snapshot
from ccp.training.progress import Progress
from ccp.training.settings import LoopSettings
from ccp.training.training_step import kept_variables


class StartProxies(tf.keras.callbacks.Callback):
    """Starts the proxies of a ``CCPModel`` from training images, once.

    Args:
      settings: of the projections.
    """

    def __init__(self, settings: ProjectionSettings = ProjectionSettings()):
        super().__init__()
        self.settings = settings

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Makes the first proxies, unless an earlier ``fit`` did."""
        projections = getattr(self.model, "projections", None)
        if projections is None:
            loss = getattr(self.model, "training_loss", None)
            with_loss = f" with {type(loss).__name__}" if loss is not None else ""
            raise ValueError(
                f"{type(self).__name__} needs a ccp.CCPModel with a CCPLoss, whose proxies it re-initialises; got "
                f"{type(self.model).__name__}{with_loss}. Use ccp.CCPLoss(pair_loss, ccp.ClassProxies(…)), or "
                "leave the callback out."
            )
        projections.projector.settings = self.settings
        if projections.made < 0:
            projections.announce(projections.projector.start())


class ProjectingCallback(StartProxies):
    """Projects after epochs, and leaves the best weights overall in the model.

    Args:
      monitor: the entry of the logs by which weights are the best; higher is better.
      candidates_per_class: embeddings per class that new proxies are chosen from (b).
      proximal_weight: pull towards the last solution (λ₀).
      proximal_decay: factor on that pull at each projection.
      normalize_candidates: choose new proxies by distances between unit vectors.
      min_improvement: a score has to beat the best by more than this.
      **trigger: when to project; see ``ProjectionSettings``.
    """

    def __init__(
        self,
        monitor: str = "val_map_at_r",
        candidates_per_class: int = 12,
        proximal_weight: float = 2e-4,
        proximal_decay: float = 1.0,
        normalize_candidates: bool = False,
        min_improvement: float = LoopSettings().min_improvement,
        **trigger: Any,
    ):
        settings = ProjectionSettings(
            pool_size=candidates_per_class,
            proximal_weight=proximal_weight,
            proximal_decay=proximal_decay,
            normalize_candidates=normalize_candidates,
            **trigger,
        )
        if settings.proxy_start_epoch:
            raise ConfigError(
                "In Keras' fit there are proxies from the start. Instead of proxy_start_epoch, fit the network with "
                "the pair loss alone first: ccp.CCPModel(network, pair_loss)."
            )
        super().__init__(settings)
        self.monitor, self.min_improvement = monitor, min_improvement
        self._learning_rates = 0.0  # Of the epoch's steps, where the trigger counts them.

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begins the first problem."""
        super().on_train_begin(logs)
        kept = kept_variables(self.model.network, self.model.training_loss)
        schedule = ProjectionSchedule.from_settings(self.settings, self.min_improvement)
        schedule.projections = int(self.model.projections.made)
        self._projections = AlternatingProjections(self.model.projections.projector, schedule, kept)
        self._overall_best, self._progress = Snapshot(kept, "overall_best"), Progress()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Takes the epoch's score, and projects if it is time; after the last epoch that would have no effect.

        Raises:
          ValueError: the logs lack the monitored score.
        """
        if self.monitor not in (logs or {}):
            raise ValueError(
                f"{type(self).__name__} monitors {self.monitor}, and the logs hold {', '.join(logs or {})}. Pass "
                "validation_data to fit, without validation_freq, or another monitor."
            )
        score = float(logs[self.monitor])
        if self._progress.count_score(score, self.min_improvement):
            self._overall_best.take()
        if epoch + 1 < self.params["epochs"] and not self.model.stop_training:
            projection = self._projections.after_epoch(epoch + 1, score, self._learning_rates)
            if projection is not None:
                self.model.projections.announce(projection)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Restores the best weights overall."""
        self._overall_best.put_back()


class ProjectOnPlateau(ProjectingCallback):
    """Projects when the score has not improved for some epochs, and leaves the best weights overall in the model.

    Args:
      patience: epochs without improvement before a projection.
      monitor: the entry of the logs that decides; higher is better.
      **more: ``candidates_per_class``, ``proximal_weight`` and others; see ``ProjectingCallback``.
    """

    def __init__(self, patience: int = 3, monitor: str = "val_map_at_r", **more: Any):
        super().__init__(monitor, projection="plateau", patience=patience, **more)


class ProjectEveryEpochs(ProjectingCallback):
    """Projects every ``epochs`` epochs, and leaves the best weights overall in the model.

    Args:
      epochs: from one projection to the next.
      monitor: the entry of the logs by which weights are the best; higher is better.
      **more: ``candidates_per_class``, ``proximal_weight`` and others; see ``ProjectingCallback``.
    """

    def __init__(self, epochs: int, monitor: str = "val_map_at_r", **more: Any):
        super().__init__(monitor, projection="period", projection_period=epochs, **more)


class ProjectOnStaleness(ProjectingCallback):
    """Projects when the proxies are outdated, and leaves the best weights overall in the model.

    That is after the epoch in which the learning rates of the steps since the last projection reach a budget in sum: at
    ten times the learning rate, proxies are outdated after a tenth of the steps.

    Args:
      staleness: the budget.
      monitor: the entry of the logs by which weights are the best; higher is better.
      **more: ``candidates_per_class``, ``proximal_weight`` and others; see ``ProjectingCallback``.
    """

    def __init__(self, staleness: float = 1e-3, monitor: str = "val_map_at_r", **more: Any):
        super().__init__(monitor, projection="staleness", staleness=staleness, **more)
        self._steps = 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Begins to count the epoch's steps."""
        self._steps, self._learning_rates = 0, 0.0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Adds the learning rate of a step, or of several that Keras made at once."""
        self._learning_rates += (batch + 1 - self._steps) * self.model.learning_rate
        self._steps = batch + 1
