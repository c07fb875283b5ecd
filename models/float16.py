"""A network whose weights are stored as float16: half the size on disk, and float32 arithmetic as before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from ccp.errors import UserError


class Float16Weights(tf.Module):
    """A network that keeps its kernels as float16 and casts them up where they are used.

    It may stand in a network's place where that is exported. Kernels are all but the whole size. What has one
    dimension (biases, and the scales and statistics of batch norm) stays float32: variances may be beyond float16.

    Args:
      model: images to embeddings, in float32 throughout; it is left as it is.

    Raises:
      UserError: a weight is too large for float16.
    """

    def __init__(self, model: tf.keras.Model):
        super().__init__(name="float16_weights")
        self._layers = _Untracked(model)
        self._kernels = [tf.Variable(_halved(v), trainable=False) for v in model.weights if _is_kernel(v)]
        self._vectors = [variable for variable in model.weights if not _is_kernel(variable)]

    def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[batch, size, size, channels] to [batch, embedding_size], in inference mode."""
        if training:
            raise ValueError("Float16Weights is for inference; train the network that it was made from.")
        model = self._layers.model
        kernels = [variable for variable in model.weights if _is_kernel(variable)]
        with _in_place_of(model, {id(v): tf.cast(half, tf.float32) for v, half in zip(kernels, self._kernels)}):
            return model(images, training=False)


class _Untracked:
    """Keeps a model out of the checkpoint of the module that it belongs to."""

    def __init__(self, model: tf.keras.Model):
        self.model = model


@contextlib.contextmanager
def _in_place_of(model: tf.keras.Model, tensors: dict[int, tf.Tensor]) -> Iterator[None]:
    """Layers see tensors instead of their variables; by variable's id."""
    # Past Keras' own assignment, which would forget the variable and the order of all.
    seen = [vars(layer) for layer in model.submodules]
    places = [(own, name, value) for own in seen for name, value in own.items() if id(value) in tensors]
    missed = set(tensors) - {id(variable) for *_, variable in places}
    if missed:
        names = [variable.name for variable in model.weights if id(variable) in missed]
        raise UserError(f"float16 cannot be had of this network: no layer holds {', '.join(names)} by a name.")
    for own, name, variable in places:
        own[name] = tensors[id(variable)]
    try:
        yield
    finally:
        for own, name, variable in places:
            own[name] = variable


def _is_kernel(variable: tf.Variable) -> bool:
    return len(variable.shape) > 1


def _halved(variable: tf.Variable) -> np.ndarray:
    values = variable.numpy()
    largest = np.abs(values).max(initial=0.0)
    if not largest <= np.finfo(np.float16).max:
        raise UserError(
            f"{variable.name} holds {largest:g}, and float16 ends at {np.finfo(np.float16).max:g}; export the model "
            "in float32 with main.py export."
        )
    return values.astype(np.float16)
