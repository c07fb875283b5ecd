"""What projecting callbacks work with during ``CCPModel.fit``."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import tensorflow as tf

from ccp.projection.pool import candidates_from
from ccp.projection.projector import Candidates, Projection, Projector
from ccp.references.class_proxies import ClassProxies
from ccp.training.callbacks import announce
from ccp.training.projecting_callbacks import ProjectingCallback, StartProxies

_LOGGER = logging.getLogger("ccp")


class FitProjections:
    """The projector of a model's proxies, the same in every fit, and the callbacks that are notified of projections.

    Not a ``tf.Module``: Keras 2 would then count the proximal anchor among the weights of the model.

    Attributes:
      made: the variable, [] int64: the number of projections so far; −1 until the proxies have started.
      projector: re-initialises the proxies; None before the first fit.

    Args:
      network: images to embeddings.
      proxies: those that projections re-initialise.
      made: see above.
    """

    def __init__(self, network: tf.keras.Model, proxies: Sequence[ClassProxies], made: tf.Variable):
        self._network, self._proxies, self.made = network, proxies, made
        self.projector: Projector | None = None
        self._candidates: Candidates | None = None
        self._callbacks: list[tf.keras.callbacks.Callback] = []
        self._has_warned, self._verbose = False, False

    def begin(self, data: tf.data.Dataset, callbacks: list[tf.keras.callbacks.Callback], verbose: bool) -> None:
        """Begins a fit of a network that has weights.

        Args:
          data: (images, labels) that candidates are drawn from.
          callbacks: are notified of projections; if none of them projects, one that starts the proxies is appended.
          verbose: print a line for each projection.
        """
        self._candidates = candidates_from(self._network, self._proxies[0].num_classes, data)
        if self.projector is None:
            # Another fit may draw candidates from other data.
            self.projector = Projector(
                self._proxies,
                self._network.trainable_variables,
                lambda draw, per_class: self._candidates(draw, per_class),
            )
        if not any(isinstance(callback, ProjectingCallback) for callback in callbacks):
            self._warn_that_nothing_projects()
            callbacks.append(StartProxies())
        self._callbacks, self._verbose = callbacks, verbose

    def announce(self, projection: Projection) -> None:
        """Counts a projection, prints a line if ``fit`` is verbose, and notifies its callbacks."""
        self.made.assign(projection.index)
        if self._verbose and projection.index:
            print(
                f"\nProjection {projection.index}: new proxies from training images, proximal weight "
                f"{projection.proximal_weight:g}"
            )
        announce(self._callbacks, projection)

    def _warn_that_nothing_projects(self) -> None:
        if not self._has_warned:
            _LOGGER.warning(
                "CCPLoss is trained without projections: its proxies start from training images and are then trained "
                "like any weights. Pass ccp.ProjectOnPlateau() or ccp.ProjectEveryEpochs(n) among the callbacks."
            )
        self._has_warned = True
