"""A conditional normalizing flow."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

# 2 · 0.636 · atan, about 2 for large scales: as in FrEIA, which NIR's authors use, with their clamp.
_CLAMP, _ATAN = 2.0, 0.636


class ConditionalFlow(tf.keras.layers.Layer):
    """An invertible map of vectors, given another vector: affine coupling blocks (GLOW) after fixed permutations.

    In a block one half of the vector is scaled and shifted by what a network makes of the other half and of the
    condition, then the other half by what another network makes of the new first half and the condition. Scales are the
    exponentials of 2 · 0.636 · atan of the network's outputs.

    Args:
      size: of the vectors and of the conditions, at least 2.
      blocks: number of blocks.
      depth: layers of each network, at least 2, with ReLU between them.
      width: of the hidden layers.
      seed: of the networks' random weights.
    """

    def __init__(self, size: int, blocks: int, depth: int, width: int, seed: int = 0, name: str = "flow"):
        super().__init__(name=name, dtype="float32")
        if size < 2:
            raise ValueError(f"A flow couples the halves of a vector, which needs at least 2 dimensions; got {size}.")
        self.half, self.num_drawn, self.seed = size // 2, 0, seed
        # The permutations of the authors' seeds.
        self.permutations = [np.random.RandomState(block).permutation(size) for block in range(blocks)]
        halves = (self.half, size - self.half)
        self.networks = [
            [self._network([size - own + size, *[width] * (depth - 1), 2 * own]) for own in halves]
            for _ in range(blocks)
        ]

    def _network(self, sizes: list[int]) -> list[tuple[tf.Variable, tf.Variable]]:
        return [(self._drawn((size, out), size), self._drawn((out,), size)) for size, out in zip(sizes, sizes[1:])]

    def _drawn(self, shape: tuple[int, ...], inputs: int) -> tf.Variable:
        """Uniform in ±1/√inputs."""
        bound, self.num_drawn = 1.0 / math.sqrt(inputs), self.num_drawn + 1
        values = tf.random.stateless_uniform(shape, (self.seed, self.num_drawn), -bound, bound)
        name = f"weight_{self.num_drawn}"
        variable = self.add_weight(name=name, shape=shape, initializer=lambda *_, **__: values)
        setattr(self, name, variable)  # Checkpoints of Keras 3 find attributes, and no variables in nested lists.
        return variable

    def transform(self, vectors: tf.Tensor, conditions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Vectors [batch, size] given conditions [batch, size]: their images, and the logs of |det J|, [batch]."""
        log_det = 0.0
        for permutation, networks in zip(self.permutations, self.networks):
            vectors = tf.gather(vectors, permutation, axis=1)
            first, second = vectors[:, : self.half], vectors[:, self.half :]
            first, scaled = _coupled(first, tf.concat([second, conditions], axis=1), networks[0])
            second, scaled_too = _coupled(second, tf.concat([first, conditions], axis=1), networks[1])
            vectors, log_det = tf.concat([first, second], axis=1), log_det + scaled + scaled_too
        return vectors, log_det


def _coupled(half, given, network):
    hidden = given
    for number, (kernel, bias) in enumerate(network):
        hidden = tf.matmul(tf.nn.relu(hidden) if number else hidden, kernel) + bias
    scale, shift = tf.split(hidden, 2, axis=1)
    log_scale = _CLAMP * _ATAN * tf.math.atan(scale)
    return tf.exp(log_scale) * half + shift, tf.reduce_sum(log_scale, axis=1)
