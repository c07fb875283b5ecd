"""Large requests in blocks, so that the memory they need does not grow with the number of images."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# Enough for a network to reach its full speed. In colour at 227 × 227 pixels: 40 MB and the network's feature maps.
MOST_IMAGES = 64


def embed_in_blocks(
    read: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    embed: Callable[[tf.Tensor], tf.Tensor],
    embedding_size: int,
    inputs: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads and embeds images block by block; of each block only the embeddings are kept.

    Blocks have equal sizes, and the last is padded with zeros: the rounding of the network's sums depends on the size.

    Args:
      read: some of the inputs to images [images, size, size, channels] float32, and which of them are good [images]
        bool.
      embed: images [block, size, size, channels] to embeddings [block, embedding_size].
      embedding_size: dimensions of the embeddings.
      inputs: [number, …]; may be none.

    Returns:
      Embeddings [number, embedding_size] float32, arbitrary for bad images; and which images are good, [number] bool.
    """
    number = tf.shape(inputs)[0]
    num_blocks = tf.maximum(-(-number // MOST_IMAGES), 1)
    size = tf.maximum(-(-number // num_blocks), 1)

    def block(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, good = read(inputs[index * size : (index + 1) * size])
        padding = [0, size - tf.size(good)]
        return embed(tf.pad(images, [padding, [0, 0], [0, 0], [0, 0]])), tf.pad(good, [padding])

    specs = tf.TensorSpec([None, embedding_size], tf.float32), tf.TensorSpec([None], tf.bool)
    embeddings, good = tf.map_fn(block, tf.range(num_blocks), fn_output_signature=specs, parallel_iterations=1)
    return tf.reshape(embeddings, [-1, embedding_size])[:number], tf.reshape(good, [-1])[:number]
