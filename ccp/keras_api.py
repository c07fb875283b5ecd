"""What is asked of Keras beyond its usual interface: everything that differs between Keras 2 and Keras 3 is here."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ccp.errors import ConfigError

_IS_KERAS_3 = hasattr(tf.keras, "Variable")

# Arguments of ``add_weight`` for variables that a loss updates while it is computed: every replica computes the same
# update from the whole batch and keeps its own copy.
REPLICATED: dict[str, Any] = {
    "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA,
    "synchronization": tf.VariableSynchronization.ON_READ,
}
_IN_KERAS: tuple[str, ...] = ("adam",)
_ADAM: dict[str, Any] = {"jit_compile": False}
if _IS_KERAS_3:
    REPLICATED = {"aggregation": "none"}
    _IN_KERAS = ("adam", "lamb")
    _ADAM = {}


def replicated_zeros(
    layer: tf.keras.layers.Layer, name: str, shape: Sequence[int], dtype: tf.DType = tf.float32
) -> tf.Variable:
    """A new variable of a layer, 0 at the start, that a loss updates while it is computed; see ``REPLICATED``."""
    return layer.add_weight(name=name, shape=shape, dtype=dtype, initializer="zeros", trainable=False, **REPLICATED)


def layers_of(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    """All layers of a model, those of inner models too, and the model itself."""
    if _IS_KERAS_3:
        return list(model._flatten_layers())
    # Those in modules that are no layers too, whose weights Keras 2 trains.
    return [model, *(module for module in model.submodules if isinstance(module, tf.keras.layers.Layer))]


def is_compiled(model: tf.keras.Model) -> bool:
    """Whether ``compile`` has been called."""
    return model.compiled if _IS_KERAS_3 else model._is_compiled


def is_fused(layer: tf.keras.layers.BatchNormalization) -> bool:
    """Whether TensorFlow's fused kernel computes it, with Bessel's correction of moving variances; in Keras 3 never."""
    return getattr(layer, "fused", False)


def draws_at_random(layer: tf.keras.layers.Layer) -> bool:
    """Whether it is one of Keras' layers that draw in training, such as dropout of a rate above 0."""
    draws = hasattr(layer, "seed_generator" if _IS_KERAS_3 else "_random_generator")
    return draws and getattr(layer, "rate", None) != 0


def weight_name(layer: tf.keras.layers.Layer, variable: tf.Variable) -> str:
    """The name of a layer's variable in Keras 2, as in published files: ``kernel`` of ``conv/kernel:0``."""
    name = variable.name.rpartition("/")[2].partition(":")[0]
    is_depthwise = isinstance(layer, tf.keras.layers.DepthwiseConv2D)
    return "depthwise_kernel" if is_depthwise and name == "kernel" else name


def tf_variable(variable: tf.Variable) -> tf.Variable:
    """TensorFlow's variable inside of Keras 3's, which a SavedModel would hold twice and initialise once."""
    return variable if isinstance(variable, tf.Variable) else variable.value


def downloaded_file(archive: str) -> str:
    """Where Keras looks for the file of one of its data sets before it downloads that.

    Args:
      archive: the file's name in Keras 2.
    """
    home = os.path.join(os.path.expanduser("~"), ".keras")
    if not _IS_KERAS_3:
        return os.path.join(home, "datasets", archive)
    name, is_packed, _ = archive.partition(".tar")
    file = f"{name}-target_archive" if is_packed else archive
    return os.path.join(os.environ.get("KERAS_HOME", home), "datasets", file)


def create_moments(optimizer: tf.keras.optimizers.Optimizer, variables: Sequence[tf.Variable]) -> None:
    """Creates the variables of an optimizer before its first step, so that a checkpoint restores into them."""
    if hasattr(optimizer, "_create_all_weights"):  # TensorFlow Addons' kind.
        optimizer._create_all_weights(variables)
    else:
        optimizer.build(variables)


def rate_of_next_step(optimizer: tf.keras.optimizers.Optimizer) -> tf.Tensor:
    """The learning rate of the step to come; of a schedule, ``learning_rate`` is the last step's in Keras 2."""
    rate = getattr(optimizer, "_learning_rate", optimizer.learning_rate)
    return tf.convert_to_tensor(rate(optimizer.iterations) if callable(rate) else rate)


def apply_summed(
    optimizer: tf.keras.optimizers.Optimizer, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]
) -> None:
    """Applies gradients that are already summed over the replicas, on each of them."""
    if not _IS_KERAS_3:
        optimizer.apply_gradients(zip(gradients, variables), experimental_aggregate_gradients=False)
        return
    replica = tf.distribute.get_replica_context()
    if replica.num_replicas_in_sync > 1:
        # Keras 3 always sums: the gradients of the first and zeros, which gives the same bits.
        is_first = tf.equal(replica.replica_id_in_sync_group, 0)
        gradients = [tf.where(is_first, gradient, tf.zeros_like(gradient)) for gradient in gradients]
    optimizer.apply_gradients(zip(gradients, variables))


def check_optimizer(name: str) -> None:
    """Refuses ``lamb`` or ``radam`` where nothing that is installed has it.

    Raises:
      ConfigError: TensorFlow Addons is needed, and missing.
    """
    if name in _IN_KERAS or (not _IS_KERAS_3 and importlib.util.find_spec("tensorflow_addons")):
        return
    raise ConfigError(
        f"The optimizer {name} is TensorFlow Addons', which exists for Python 3.9 to 3.11 only and is not installed. "
        f"Choose {' or '.join(_IN_KERAS)}."
    )


def named_optimizer(name: str, learning_rate: float) -> tf.keras.optimizers.Optimizer:
    """``adam``, ``lamb`` or ``radam``, with β 0.9 and 0.999; see ``check_optimizer``."""
    check_optimizer(name)
    if name == "adam":
        return tf.keras.optimizers.Adam(learning_rate, **_ADAM)
    if name in _IN_KERAS:
        return tf.keras.optimizers.Lamb(learning_rate, epsilon=1e-6)  # TensorFlow Addons' epsilon.
    from tensorflow_addons import optimizers  # Slow to import and loud: only where it is used.

    return {"lamb": optimizers.LAMB, "radam": optimizers.RectifiedAdam}[name](learning_rate)
