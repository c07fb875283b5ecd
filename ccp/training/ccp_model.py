"""A network with its loss as one Keras model, for ``compile`` and ``fit``."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from ccp.losses.sum_of_losses import SumOfLosses
from ccp.training.arguments import checked_loss, checked_optimizer
from ccp.training.fit_data import evaluation_batches, first_images, from_epoch, refuse_weights, training_data
from ccp.training.fit_projections import FitProjections
from ccp.training.settings import GradientSettings
from ccp.training.training_step import TrainingStep
from ccp.training.validation import scores_of


@tf.keras.utils.register_keras_serializable(package="ccp")
class CCPModel(tf.keras.Model):
    """Trains a network with a loss that may have variables; its step is that of ``ccp.Trainer``.

    Calling the model, and so ``predict``, gives the network's embeddings. ``fit`` with ``validation_data`` logs
    ``val_map_at_r``, ``val_r_precision`` and ``val_precision_at_1`` over the whole validation set, from normalised
    embeddings, leave-one-out. With ``CCPLoss``, the proxies start as a k-center of training images, and a callback
    projects: ``ProjectOnPlateau``, ``ProjectEveryEpochs`` or ``ProjectOnStaleness``. Weights and proxies are saved; the
    optimizer's moments, the proximal anchor and λ are not: ``ccp.Trainer`` resumes bit for bit.

    Attributes:
      network: images to embeddings.
      training_loss: the loss.
      projections: what callbacks that project work with; None without ``CCPLoss``.

    Args:
      network: images to embeddings [batch, embedding_size].
      loss: any loss of this package, or any function of labels [batch] and embeddings.
    """

    def __init__(self, network: tf.keras.Model, loss: tf.keras.losses.Loss, name: str | None = None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.network, self.training_loss, self.built = network, checked_loss(loss), network.built
        self.loss_layers = list(getattr(loss, "layers", ()))  # Makes Keras count and save their variables.
        self.mean_loss = tf.keras.metrics.Mean(name="loss")
        self._term_names = loss.names if isinstance(loss, SumOfLosses) else ()
        self.mean_terms = [tf.keras.metrics.Mean(name=f"term_{at}") for at, _ in enumerate(self._term_names)]
        self.projections: FitProjections | None = None
        projected = getattr(loss, "projected", ())
        if projected:
            made = self.add_weight(
                name="projections_made", shape=(), dtype="int64", initializer=_minus_one, trainable=False
            )
            self.projections = FitProjections(network, projected, made)
        self._embed = tf.function(lambda images: network(images, training=False), reduce_retracing=True)
        self._gradients = GradientSettings()
        self._step: TrainingStep | None = None

    def compile(
        self,
        optimizer: tf.keras.optimizers.Optimizer | str = "adam",
        *,
        gradients: GradientSettings = GradientSettings(),
        **kwargs: Any,
    ) -> None:
        """See ``tf.keras.Model.compile``.

        Args:
          optimizer: a Keras optimizer or the name of one; each group of variables is trained by a copy.
          gradients: weight decay, clipping, and the multiple of the learning rate for proxies.
          kwargs: ``run_eagerly`` and ``jit_compile``.

        Raises:
          ValueError: there is a loss or a metric among the arguments.
          ConfigError: the optimizer is none.
        """
        refused = {name for name in ("loss", "metrics", "weighted_metrics", "loss_weights") if kwargs.get(name)}
        if refused:
            raise ValueError(
                f"CCPModel has its loss and its metrics; leave out {', '.join(sorted(refused))} and write "
                "CCPModel(network, loss).compile(optimizer)."
            )
        # Keras 3 would choose XLA.
        super().compile(optimizer=checked_optimizer(optimizer), **{"jit_compile": False, **kwargs})
        self._gradients, self._step = gradients, None

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """The network's embeddings."""
        return self.network(inputs, training=training)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        *,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        **kwargs: Any,
    ) -> tf.keras.callbacks.History:
        """See ``tf.keras.Model.fit``.

        Args:
          x: what ``balanced_batches`` made, any other ``tf.data.Dataset`` of (images, labels), or images.
          y: labels, where ``x`` is images.
          batch_size: of images and labels.
          epochs: number of the last epoch.
          verbose: see Keras; 0 prints no projections either.
          callbacks: Keras callbacks, and one that projects.
          validation_split: share of images and labels, from their end, that are validated with instead of trained with.
          initial_epoch: number of the first epoch.
          steps_per_epoch: steps of an epoch; all batches if None.
          kwargs: further arguments of Keras' ``fit``.

        Raises:
          ConfigError: the training data has no images of a class that has proxies.
          TypeError: the training data is of another kind.
          ValueError: sample or class weights are given.
        """
        refuse_weights(kwargs)
        data = training_data(x, y, validation_split)
        if not self.network.built:
            self.network(first_images(data))
        callbacks = tf.nest.flatten(getattr(callbacks, "callbacks", callbacks) or [])
        if self.projections is not None:
            self.projections.begin(data, callbacks, bool(verbose))
        self.built = True
        self._make_step()
        if y is None:
            x = from_epoch(x, initial_epoch, steps_per_epoch)
        kwargs.setdefault("shuffle", y is not None)  # Of a dataset it does nothing, and Keras 3 warns.
        return super().fit(
            x,
            y,
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_split,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            **kwargs,
        )

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One step on images [batch, …] and labels [batch], as of ``ccp.Trainer``."""
        images, labels = data
        self._step.optimizer.follow(self.optimizer)
        result = self._step.step(images, labels)
        self.mean_loss.update_state(result.loss)
        logs = {"loss": self.mean_loss.result()}
        for name, mean in zip(self._term_names, self.mean_terms):
            mean.update_state(result.terms[name])
            logs[f"loss/{name}"] = mean.result()
        return logs

    @property
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """Reset at every epoch."""
        return [self.mean_loss, *self.mean_terms]

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        *,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> dict[str, float] | list[float]:
        """MAP@R, R-precision and P@1 of a whole set, normalised and searched leave-one-out; see ``retrieval_scores``.

        Args:
          x: a ``tf.data.Dataset`` of (images, labels), or images.
          y: labels, where ``x`` is images.
          batch_size: of images and labels.
          verbose: not used.
          steps: batches of a dataset; all if None.
          callbacks: of ``fit``.
          return_dict: return the scores by name instead of a list.
          kwargs: others of Keras, not used.
        """
        refuse_weights(kwargs)
        batches = evaluation_batches(x, y, batch_size, steps)
        if isinstance(callbacks, tf.keras.callbacks.CallbackList):
            callbacks.on_test_begin()
        scores = scores_of(self._embed, batches)
        if isinstance(callbacks, tf.keras.callbacks.CallbackList):
            callbacks.on_test_end(scores)
        return scores if return_dict else list(scores.values())

    @property
    def learning_rate(self) -> float:
        """The network's learning rate; for callbacks, during ``fit``."""
        return self._step.optimizer.learning_rate

    def get_config(self) -> dict[str, Any]:
        """The network's and the loss's configurations."""
        return {
            "name": self.name,
            "network": tf.keras.layers.serialize(self.network),
            "loss": tf.keras.losses.serialize(self.training_loss),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> CCPModel:
        """A model with fresh weights."""
        network = tf.keras.layers.deserialize(config["network"], custom_objects)
        return cls(network, tf.keras.losses.deserialize(config["loss"], custom_objects), config["name"])

    def get_compile_config(self) -> dict[str, Any] | None:
        """The optimizer's configuration, and what is done to gradients."""
        if getattr(self, "optimizer", None) is None:
            return None
        return {
            "optimizer": tf.keras.optimizers.serialize(self.optimizer),
            "gradients": dataclasses.asdict(self._gradients),
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles with the same settings; the optimizer's moments are not restored."""
        optimizer = tf.keras.optimizers.deserialize(config["optimizer"])
        self.compile(optimizer, gradients=GradientSettings(**config["gradients"]))

    def _make_step(self) -> None:
        """Makes the step of a network that has weights; it is kept, with its moments, until the next ``compile``."""
        if getattr(self, "optimizer", None) is None:
            raise RuntimeError("Call compile(optimizer) before fit.")
        if self.distribute_strategy.num_replicas_in_sync > 1:
            raise ValueError("CCPModel trains on one device; for several use ccp.Trainer with replicas.")
        if self._step is None:
            projector = self.projections.projector if self.projections else None
            self._step = TrainingStep(
                self.network, self.training_loss, self.optimizer, self._gradients, projector=projector
            )


def _minus_one(shape: Any, dtype: Any = None, **_: Any) -> tf.Tensor:
    return tf.fill(shape, tf.cast(-1, dtype))
