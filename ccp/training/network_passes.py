"""A batch through the network and its gradient back: in one pass, or in two by chunks, which need less memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from ccp.errors import ConfigError
from ccp.keras_api import draws_at_random, layers_of

_ZERO = tf.UnconnectedGradients.ZERO
# Takes the gradient to the embeddings and a factor on the network's own losses to the gradients of the trained
# variables and to these losses.
Back = Callable[[tf.Tensor, Any], "tuple[list[tf.Tensor], list[tf.Tensor]]"]


def one_pass(
    model: tf.keras.Model, images: Any, trained: Sequence[tf.Variable], training: bool, share: float
) -> tuple[tf.Tensor, Back]:
    """Embeds a batch and keeps everything that its gradient needs.

    Args:
      model: images to embeddings [batch, embedding_size].
      images: [batch, …].
      trained: the variables that gradients are wanted of.
      training: as Keras has it.
      share: factor on the network's own losses (Keras regularisation).

    Returns:
      The embeddings, and the way back to the variables.
    """
    with tf.GradientTape() as tape:
        embeddings = model(images, training=training)
        penalties = [tf.cast(penalty, tf.float32) for penalty in model.losses]
        regularization = [tf.add_n(penalties) * share] if penalties else []

    def back(to_embeddings, scale):
        to_losses = [scale * tf.ones_like(term) for term in regularization]
        gradients = tape.gradient(
            [embeddings, *regularization],
            trained,
            output_gradients=[to_embeddings, *to_losses],
            unconnected_gradients=_ZERO,
        )
        return gradients, regularization

    return embeddings, back


def two_passes(
    model: tf.keras.Model, images: Any, trained: Sequence[tf.Variable], training: bool, share: float, chunks: int
) -> tuple[tf.Tensor, Back]:
    """As ``one_pass``, in the memory of one chunk: embeds chunks without gradient, and again on the way back.

    Gradients are those of one pass up to rounding, but for batch norm in training mode, which sees a chunk at a time:
    it normalises by the chunk's mean and variance, and moves its averages once for each chunk.

    Source: Patel, Tolias and Matas, "Recall@k Surrogate Loss with Large Batches and Similarity Mixup", CVPR 2022.
    """
    batch = tf.nest.flatten(images)[0]
    num_rows = tf.shape(batch)[0] if batch.shape[0] is None else batch.shape[0]
    chunk_size = -(-num_rows // chunks)
    count = -(-num_rows // chunk_size)
    even = isinstance(num_rows, int) and num_rows % chunk_size == 0

    def rows(index, tensors):
        start = index * chunk_size
        # XLA takes none but a constant number of rows.
        size = chunk_size if even else tf.minimum(chunk_size, num_rows - start)

        def cut(tensor):
            tensor = tf.convert_to_tensor(tensor)
            rank = tensor.shape.rank
            return tf.slice(tensor, [start] + [0] * (rank - 1), [size, *tf.unstack(tf.shape(tensor)[1:], rank - 1)])

        return tf.nest.map_structure(cut, tensors)

    def over_chunks(body, *start):
        return tf.while_loop(
            lambda index, *_: index < count,
            lambda index, *values: (index + 1, *body(index, *values)),
            (0, *start),
            parallel_iterations=1,
        )[1:]

    embedding_sizes = []  # What tracing finds; a loop forgets shapes.

    def embed(index, embedded):
        embeddings = model(rows(index, images), training=training)
        embedding_sizes.append(embeddings.shape[-1])
        return [embedded.write(index, tf.cast(embeddings, tf.float32))]

    averages = moving_averages(model) if training else []
    before = [tf.identity(variable) for variable in averages]
    (embedded,) = over_chunks(embed, tf.TensorArray(tf.float32, count, infer_shape=False))
    for variable, value in zip(averages, before):  # The second pass moves them again.
        variable.assign(value)
    embeddings = embedded.concat()
    embeddings.set_shape([batch.shape[0], embedding_sizes[0]])

    def back(to_embeddings, scale):
        def add(index, total, regularization):
            chunk, upstream = rows(index, images), rows(index, to_embeddings)
            of_batch = tf.cast(tf.shape(upstream)[0], tf.float32) / tf.cast(num_rows, tf.float32)
            embeddings, back_from_chunk = one_pass(model, chunk, trained, training, share * of_batch)
            gradients, terms = back_from_chunk(tf.cast(upstream, embeddings.dtype), scale)
            total = [old + tf.convert_to_tensor(new) for old, new in zip(total, gradients)]
            return total, tf.add_n([regularization, *terms])

        zeros = [tf.zeros(variable.shape, variable.dtype) for variable in trained]
        gradients, regularization = over_chunks(add, zeros, tf.constant(0.0))
        return gradients, [regularization]

    return embeddings, back


def moving_averages(model: tf.keras.Model) -> list[tf.Variable]:
    """What a pass in training mode changes: the averages of batch norms that are not frozen."""
    norms = (layer for layer in layers_of(model) if isinstance(layer, tf.keras.layers.BatchNormalization))
    return [variable for layer in norms if layer.trainable for variable in (layer.moving_mean, layer.moving_variance)]


def check_two_passes(model: tf.keras.Model, num_replicas: int) -> None:
    """Refuses a network that cannot embed each image twice, by chunks.

    Raises:
      ConfigError: a layer draws at random in training, or, on several replicas, a batch norm is not frozen.
    """
    names = [layer.name for layer in layers_of(model) if draws_at_random(layer)]
    if names:
        raise ConfigError(
            f"gradient_chunks embeds each image twice, and {', '.join(names)} would drop or change something else each "
            "time. Leave gradient_chunks at 1, or set the rates of these layers to 0."
        )
    if num_replicas > 1 and moving_averages(model):
        # TensorFlow cannot sum over replicas within a loop.
        raise ConfigError(
            "With gradient_chunks, batch norms cannot see the images of several devices. Freeze them (freeze_bn), "
            "leave gradient_chunks at 1, or train on one device."
        )
