"""One step of training, on one device or on many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ccp.distribution.replicas import Replicas
from ccp.errors import TrainingError, first_line
from ccp.keras_api import layers_of
from ccp.losses.sum_of_losses import SumOfLosses
from ccp.projection.projector import Projector
from ccp.references.class_proxies import ClassProxies
from ccp.training.gradients import batch_norm_variables, transform_gradients
from ccp.training.loss_scale import LossScale
from ccp.training.network_passes import check_two_passes, one_pass, two_passes
from ccp.training.optimizers import GroupedOptimizer, OptimizerLike, ParameterGroup
from ccp.training.settings import GradientSettings
from ccp.training.step_results import StepResult
from ccp.training.weight_average import WeightAverage

_ZERO = tf.UnconnectedGradients.ZERO


class TrainingStep:
    """Embeds a batch, differentiates the loss, transforms the gradients, and lets the optimizers step.

    Every replica embeds its rows of the batch. The embeddings of all are gathered, and each replica computes the loss
    of the whole batch and its gradient to every embedding, of which it takes its own rows back through the network;
    the network's gradients are summed. So embeddings travel once, and their gradients not at all. The gradients of the
    loss's variables are equal on all replicas up to rounding, which would accumulate: replicas apply their mean.

    The network's own losses (Keras regularisation) are added to the loss.

    Attributes:
      optimizer: of all variables, in groups: the network's body, its head, the proxies, other variables of the loss.
      loss_scale: where a layer computes in float16; otherwise None.

    Args:
      model: images to embeddings [batch, embedding_size].
      loss: ``loss(labels [batch], embeddings)``; its ``layers``, if it has any, hold its variables.
      optimizer: settings, or an optimizer to be copied for each group.
      gradients: what is done to gradients.
      head: the network's variables that are trained while warming up.
      average: of the network's trained weights, updated by each step; None for none.
      projector: has the proximal anchor and its weight; None for none.
      replicas: the devices; None is one.
      jit_compile: compile by XLA.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        loss: tf.keras.losses.Loss,
        optimizer: OptimizerLike,
        gradients: GradientSettings,
        *,
        head: Sequence[tf.Variable] = (),
        average: WeightAverage | None = None,
        projector: Projector | None = None,
        replicas: Replicas | None = None,
        jit_compile: bool = False,
    ):
        self._model, self._loss, self._settings = model, loss, gradients
        self._average, self._projector, self._replicas = average, projector, replicas or Replicas()
        if gradients.gradient_chunks > 1:
            check_two_passes(model, self._replicas.count)
        in_head = {id(v) for v in head}
        self._body = [v for v in model.trainable_variables if id(v) not in in_head]
        self._head = [v for v in model.trainable_variables if id(v) in in_head]
        proxies, others = loss_variables(loss)
        self.optimizer = GroupedOptimizer(
            optimizer,
            {
                "body": ParameterGroup(self._body),
                "head": ParameterGroup(self._head),
                "proxies": ParameterGroup(proxies, gradients.proxy_rate_multiplier),
                "loss": ParameterGroup(others),
            },
        )
        undecayed = batch_norm_variables(model)
        self._decayed = {id(v) for v in self._body + self._head + proxies + others if id(v) not in undecayed}
        float16 = any(layer.compute_dtype == "float16" for layer in layers_of(model))
        self.loss_scale = LossScale() if float16 else None
        self._graph, self._uses_xla = tf.function(self.step, jit_compile=jit_compile or None), jit_compile

    def __call__(self, images: Any, labels: Any, warming_up: bool = False, before_proxies: bool = False) -> StepResult:
        """Makes a step, as a graph; see ``step``.

        Raises:
          TrainingError: XLA cannot compile it.
        """
        try:
            return self._graph(images, labels, warming_up, before_proxies)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.NotFoundError) as error:
            if not self._uses_xla:
                raise
            raise TrainingError(
                f"XLA cannot run this training step; leave out jit_compile. {first_line(error)}"
            ) from error

    def step(self, images: Any, labels: Any, warming_up: bool = False, before_proxies: bool = False) -> StepResult:
        """Makes a step.

        Args:
          images: [batch, …], spread over the replicas.
          labels: [batch], likewise.
          warming_up: train the head and the loss's variables alone, the network in inference mode.
          before_proxies: train without the proxies that projections re-initialise, which are not there yet.

        With a loss scale, a step whose gradient is not finite is skipped.
        """
        loss_function = self._loss.before_proxies() if before_proxies else self._loss
        trained = self._head if warming_up else self._body + self._head
        proxies, others = loss_variables(loss_function)
        of_loss = proxies + others
        loss, terms, gradient_norm, gradients = self._replicas.run(
            lambda images, labels: self._gradients(images, labels, loss_function, trained, of_loss, warming_up),
            [images, labels],
        )

        def apply():
            self._replicas.run(lambda *gradients: self._apply(gradients, trained + of_loss), gradients)

        gradient_norm = self._replicas.first(gradient_norm)
        learning_rate = self.optimizer.current_rate()  # Of a schedule, it is another one after the step.
        if self.loss_scale:
            skipped = self.loss_scale.step_if(tf.math.is_finite(gradient_norm), apply)
        else:
            apply()
            skipped = tf.constant(False)
        terms = {name: self._replicas.first(term) for name, term in terms.items()}
        return StepResult(self._replicas.first(loss), gradient_norm, learning_rate, skipped, terms)

    def _gradients(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        loss_function: tf.keras.losses.Loss,
        trained: Sequence[tf.Variable],
        of_loss: Sequence[tf.Variable],
        warming_up: bool,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor], tf.Tensor, list[tf.Tensor]]:
        """On a replica: the loss of the whole batch, its terms, the norm of its gradients, and the transformed ones."""
        replicas, scale = self._replicas, self.loss_scale.scale if self.loss_scale else 1.0
        # Of the network's own losses each replica adds its share; of a penalty on weights, an equal one.
        passing = (self._model, images, trained, not warming_up, 1.0 / replicas.count)
        chunks = self._settings.gradient_chunks
        embeddings, back = one_pass(*passing) if chunks == 1 else two_passes(*passing, chunks)
        gathered, labels = replicas.all_gather(embeddings), replicas.all_gather(labels)
        with tf.GradientTape() as loss_tape:
            loss_tape.watch(gathered)
            terms = loss_function.terms(labels, gathered) if isinstance(loss_function, SumOfLosses) else {}
            loss = loss_function.total(terms) if terms else loss_function(labels, gathered)
            minimized = self.loss_scale.scaled(loss) if self.loss_scale else loss
        to_embeddings, *to_loss = loss_tape.gradient(minimized, [gathered, *of_loss], unconnected_gradients=_ZERO)
        to_loss = [tf.convert_to_tensor(gradient) for gradient in to_loss]  # Of a sample of proxies, they are sparse.
        to_own = replicas.own_rows(to_embeddings, tf.shape(embeddings)[0])
        to_network, regularization = back(to_own, scale)
        summed = replicas.all_reduce_sum([*to_network, *to_loss])
        gradients = summed[: len(trained)] + [total / replicas.count for total in summed[len(trained) :]]
        if self.loss_scale:
            gradients = self.loss_scale.unscaled(gradients)
        gradients, gradient_norm = self._transformed(gradients, [*trained, *of_loss])
        for term in replicas.all_reduce_sum(regularization):
            loss += term
        return loss, terms, gradient_norm, gradients

    def _apply(self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]) -> None:
        """On a replica: the step of the optimizers, and the average after it."""
        self.optimizer.apply(gradients, variables)
        if self._average is not None:
            self._average.update()

    def _transformed(
        self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        anchors, proximal_weight = {}, 0.0
        if self._projector is not None:
            anchors = {id(v): self._projector.anchor.of(v) for v in self._model.trainable_variables}
            proximal_weight = self._projector.weight
        return transform_gradients(
            gradients,
            variables,
            anchors=anchors,
            proximal_weight=proximal_weight,
            decayed=self._decayed,
            weight_decay=self._settings.weight_decay,
            clip_norm=self._settings.clip_norm,
            clip_value=self._settings.clip_value,
        )


def loss_variables(loss: tf.keras.losses.Loss) -> tuple[list[tf.Variable], list[tf.Variable]]:
    """The variables that a loss trains: its class proxies, and all others."""
    proxies, others = [], []
    for layer in getattr(loss, "layers", ()):
        (proxies if isinstance(layer, ClassProxies) else others).extend(layer.trainable_variables)
    return proxies, others


def kept_variables(model: tf.keras.Model, loss: tf.keras.losses.Loss) -> list[tf.Variable]:
    """What belongs to a solution: all weights of the network, and the variables that the loss trains."""
    proxies, others = loss_variables(loss)
    return [*model.weights, *proxies, *others]
