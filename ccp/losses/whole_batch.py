"""What all losses here share: one number for a whole batch, arguments that are fields, and layers that are trained."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.settings import settings_of

_NOT_GIVEN = object()


@dataclasses.dataclass(init=False, repr=False, eq=False)
class WholeBatchLoss(tf.keras.losses.Loss):
    """A loss of a batch as a whole: ``loss(labels [batch], embeddings [batch, embedding_size])`` is a scalar.

    A subclass is a dataclass (``@dataclasses.dataclass(eq=False)``) whose fields are its arguments, ``name`` the last.
    Fields that are a ``setting(…)`` are its hyperparameters: they are checked, and the command line offers them.
    Configuration and serialization follow from the fields. An ordinary ``__init__`` that calls
    ``super().__init__(name=…)`` works too; such a class writes ``get_config`` itself.

    Keras layers that are its attributes, or belong to losses or layers in its attributes, hold its variables; an
    attribute may be a tuple of them.

    Raises:
      ConfigError (a ValueError): a hyperparameter is out of its bounds.
    """

    def __init__(self, name: str | None = None):
        # The sum of one number is that number; Keras refuses its own default under a distribution strategy.
        super().__init__(reduction="sum", name=name)

    def __post_init__(self):
        WholeBatchLoss.__init__(self, name=self.name)
        for name, described in settings_of(self).items():
            setattr(self, name, described.converted(name, getattr(self, name)))

    @property
    def layers(self) -> tuple[tf.keras.layers.Layer, ...]:
        """The layers that hold its variables, to be trained and saved with the network; none for most losses."""
        found: list[tf.keras.layers.Layer] = []
        for attribute in vars(self).values():
            for value in attribute if isinstance(attribute, tuple) else (attribute,):
                if isinstance(value, tf.keras.layers.Layer):
                    found.append(value)
                elif isinstance(value, WholeBatchLoss):
                    found += value.layers
        return tuple(dict.fromkeys(found))

    @property
    def projected(self) -> tuple[tf.keras.layers.Layer, ...]:
        """The class proxies that projections re-initialise; none for most losses."""
        return ()

    def before_proxies(self) -> WholeBatchLoss:
        """The loss until those proxies are made; itself for most losses."""
        return self

    @property
    def trainable_variables(self) -> list[tf.Variable]:
        """What an optimizer has to train beside the network's own."""
        return [variable for layer in self.layers for variable in layer.trainable_variables]

    def __call__(self, y_true, y_pred, sample_weight=_NOT_GIVEN) -> tf.Tensor:
        """The loss of labels [batch] or [batch, 1] and embeddings [batch, embedding_size], a float32 scalar.

        Raises:
          ValueError: Keras' ``compile`` calls a loss that has variables, which ``fit`` would not train; or there is a
            ``sample_weight``.
        """
        # Keras' compiled losses always pass sample_weight, be it None. Calls by hand and by the trainers leave it out.
        if sample_weight is not _NOT_GIVEN and any(layer.variables for layer in self.layers):
            raise ValueError(
                f"{type(self).__name__} has variables, which compile and fit of a plain Keras model do not train. Use "
                "ccp.CCPModel(network, loss) in place of the model, or ccp.Trainer. In a training loop of your own "
                "call loss(labels, embeddings) and train loss.trainable_variables too."
            )
        if sample_weight is not _NOT_GIVEN and sample_weight is not None:
            raise ValueError(
                f"{type(self).__name__} is one number for the whole batch and cannot weight examples; "
                "leave sample_weight and class_weight out."
            )
        return self.call(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as plain values; the values of variables are not part of it."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: _serialized(value) for name, value in {"name": self.name, **fields}.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WholeBatchLoss:
        """The loss with fresh variables; a checkpoint fills them."""
        return cls(**{name: _deserialized(value) for name, value in config.items()})


def _serialized(value: Any) -> Any:
    if isinstance(value, tf.keras.losses.Loss):
        return tf.keras.losses.serialize(value)
    if isinstance(value, tf.keras.layers.Layer):
        return tf.keras.layers.serialize(value)
    if isinstance(value, np.generic):
        return value.item()
    return [_serialized(entry) for entry in value] if isinstance(value, tuple) else value


def _deserialized(value: Any) -> Any:
    if isinstance(value, list):
        return [_deserialized(entry) for entry in value]
    return tf.keras.utils.deserialize_keras_object(value) if isinstance(value, dict) else value
