"""One step of training, on one device or on many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ccp.distribution.replicas import Replicas
from ccp.projection.projector import Projector
from ccp.references.class_proxies import ClassProxies
from ccp.training.compiled_step import CompiledStep
from ccp.training.loss_scale import LossScale
from ccp.training.optimizers import GroupedOptimizer, ParameterGroup, batch_norm_variables, transform_gradients
from ccp.training.settings import GradientSettings, OptimizerSettings

_ZERO = tf.UnconnectedGradients.ZERO


class TrainingStep:
    """Embeds a batch, differentiates the loss, transforms the gradients, and lets the optimizers step.

    Every replica embeds its rows of the batch. The embeddings of all are gathered, and each replica computes the loss
    of the whole batch and its gradient to every embedding, of which it takes its own rows back through the network;
    the network's gradients are summed. So embeddings travel once, and their gradients not at all. Those of what the
    loss learns are the same on every replica but for rounding, which would add up: their mean is taken, and no
    replica's proxies drift away.

    Attributes:
      optimizer: of all variables, in groups: the network's body, its head, the proxies, what else the loss learns.
      loss_scale: for float16; otherwise None.

    Args:
      model: images to embeddings [batch, embedding_size].
      loss: ``loss(labels [batch], embeddings)``.
      layers: what holds the loss's variables.
      optimizer: the optimizers' settings.
      settings: what is done to gradients.
      mixed_precision: ``float16`` scales the loss.
      jit_compile: compile by XLA where possible.
      head: the network's variables that are trained while warming up.
      projector: has the proximal anchor and its weight; None for none.
      replicas: the devices.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        loss: tf.keras.losses.Loss,
        layers: Sequence[tf.keras.layers.Layer],
        optimizer: OptimizerSettings,
        settings: GradientSettings,
        mixed_precision: str,
        jit_compile: bool,
        head: Sequence[tf.Variable],
        projector: Projector | None,
        replicas: Replicas,
    ):
        self._model, self._loss, self._settings = model, loss, settings
        self._projector, self._replicas = projector, replicas
        in_head = {v.ref() for v in head}
        body = [v for v in model.trainable_variables if v.ref() not in in_head]
        head = [v for v in model.trainable_variables if v.ref() in in_head]
        of_loss = [v for layer in layers for v in layer.trainable_variables]
        of_proxies = {v.ref() for layer in layers if isinstance(layer, ClassProxies) for v in layer.trainable_variables}
        self.optimizer = GroupedOptimizer(
            optimizer,
            {
                "body": ParameterGroup(body),
                "head": ParameterGroup(head),
                "proxies": ParameterGroup(
                    [v for v in of_loss if v.ref() in of_proxies], settings.proxy_rate_multiplier
                ),
                "loss": ParameterGroup([v for v in of_loss if v.ref() not in of_proxies]),
            },
        )
        self._body, self._head, self._of_loss = body, head, of_loss
        undecayed = batch_norm_variables(model)
        self._decayed = {v.ref() for v in body + head + of_loss if v.ref() not in undecayed}
        self.loss_scale = LossScale() if mixed_precision == "float16" else None
        self._call = CompiledStep(self._step, jit_compile)

    def __call__(self, images: Any, labels: Any, warming_up: bool = False) -> tuple[float, float]:
        """Makes a step.

        Args:
          images: [batch, …], spread over the replicas.
          labels: [batch], likewise.
          warming_up: train the head and what the loss learns alone, the network in inference mode.

        Returns:
          The loss, and the norm of its gradients before clipping. With a loss scale, a step whose norm is not finite
          was not made.
        """
        loss, gradient_norm = self._call(images, labels, warming_up)
        return float(loss), float(gradient_norm)

    def _step(self, images: Any, labels: Any, warming_up: bool) -> tuple[tf.Tensor, tf.Tensor]:
        of_network = self._head if warming_up else self._body + self._head
        loss, gradient_norm, gradients = self._replicas.run(
            lambda images, labels: self._gradients(images, labels, of_network, warming_up), [images, labels]
        )

        def step():
            self._replicas.run(
                lambda *gradients: self.optimizer.apply(gradients, of_network + self._of_loss), gradients
            )

        gradient_norm = self._replicas.first(gradient_norm)
        if self.loss_scale:
            self.loss_scale.step_if(tf.math.is_finite(gradient_norm), step)
        else:
            step()
        return self._replicas.first(loss), gradient_norm

    def _gradients(
        self, images: tf.Tensor, labels: tf.Tensor, of_network: Sequence[tf.Variable], warming_up: bool
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """On a replica: the loss of the whole batch, the norm of its gradients, and these, transformed."""
        with tf.GradientTape() as network_tape:
            embeddings = self._model(images, training=not warming_up)
        gathered, labels = self._replicas.all_gather(embeddings), self._replicas.all_gather(labels)
        with tf.GradientTape() as loss_tape:
            loss_tape.watch(gathered)
            loss = self._loss(labels, gathered)
            minimized = self.loss_scale.scaled(loss) if self.loss_scale else loss
        to_embeddings, *to_parts = loss_tape.gradient(
            minimized, [gathered, *self._of_loss], unconnected_gradients=_ZERO
        )
        to_own = self._replicas.own_rows(to_embeddings, tf.shape(embeddings)[0])
        to_network = network_tape.gradient(embeddings, of_network, output_gradients=to_own, unconnected_gradients=_ZERO)
        summed = self._replicas.all_reduce_sum([*to_network, *to_parts])
        gradients = summed[: len(to_network)] + [total / self._replicas.count for total in summed[len(to_network) :]]
        if self.loss_scale:
            gradients = self.loss_scale.unscaled(gradients)
        gradients, gradient_norm = self._transformed(gradients, of_network + self._of_loss)
        return loss, gradient_norm, gradients

    def _transformed(
        self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        anchors, proximal_weight = {}, 0.0
        if self._projector is not None:
            anchors = {v.ref(): self._projector.anchor.of(v) for v in self._model.trainable_variables}
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
