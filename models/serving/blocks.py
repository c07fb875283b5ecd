"""Requests in blocks: what is held at once does not grow with the number of images."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# Large enough for a network to be as fast as it gets. Of 227 × 227 pixels in colour, 40 MB and the network's maps.
MOST_IMAGES = 64


def embedded_in_blocks(
    read: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    embed: Callable[[tf.Tensor], tf.Tensor],
    embedding_size: int,
    number: tf.Tensor,
    all_or_none: bool = True,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads and embeds images block by block, of which only the embeddings are kept.

    Blocks are of equal size, the last one filled up with zeros: how the network's sums are rounded depends on it.

    Args:
      read: of the first position and the one after the last, the images at these [images, size, size, channels]
        float32, and which of them are good, [images] bool.
      embed: of images [block, size, size, channels] the embeddings [block, embedding_size].
      embedding_size: their dimensions.
      number: [] int32, how many images there are.
      all_or_none: the embeddings are of no use if one is bad; those of a block with a bad one are left out (zeros).

    Returns:
      [number, embedding_size] float32, anything for bad images; and which are good, [number] bool.
    """
    num_blocks = tf.maximum(-(-number // MOST_IMAGES), 1)
    size = -(-number // num_blocks)

    def block(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        first = index * size
        images, good = read(first, tf.minimum(first + size, number))
        missing = size - tf.size(good)
        # Convolutions, fused with what follows them, fail where there are no images.
        wanted = (size > 0) & (tf.reduce_all(good) if all_or_none else tf.reduce_any(good))
        embeddings = tf.cond(
            wanted,
            lambda: embed(tf.pad(images, [[0, missing], [0, 0], [0, 0], [0, 0]])),
            lambda: tf.zeros([size, embedding_size]),
        )
        return embeddings, tf.pad(good, [[0, missing]])

    specs = tf.TensorSpec([None, embedding_size], tf.float32), tf.TensorSpec([None], tf.bool)
    embeddings, good = tf.map_fn(block, tf.range(num_blocks), fn_output_signature=specs, parallel_iterations=1)
    return tf.reshape(embeddings, [-1, embedding_size])[:number], tf.reshape(good, [-1])[:number]
