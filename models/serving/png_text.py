"""PNG files whose texts are bombs: their decoder unpacks all of them, though no pixel depends on any.

Texts of PNG files may be compressed, a thousand times over, and there may be any number of them. The decoder refuses
one that is longer than 8 MB; of 200 such, in a file of 1.5 MB with an image of 8 × 8 pixels, it held 1.5 GB for 16 s.
"""

from __future__ import annotations

import tensorflow as tf

from datasets.images import headers

# Programs that write any write a few; as many as this take about 0.1 GB.
MAX_TEXTS = 16

_NAMES = "zTXt|iTXt"
_NAME_LENGTH = 4


def has_few_texts(contents: tf.Tensor) -> tf.Tensor:
    """Whether a file, [] string, is no PNG file, or one in which no more than ``MAX_TEXTS`` texts can be."""

    def few() -> tf.Tensor:
        # Names of chunks, wherever they stand: by chance, other data hold more only once in ages.
        without = tf.strings.regex_replace(contents, _NAMES, "")
        return tf.strings.length(contents) - tf.strings.length(without) <= _NAME_LENGTH * MAX_TEXTS

    is_png = headers.format_of(headers.head_of(contents)) == headers.PNG
    return tf.cond(is_png, few, lambda: tf.constant(True))
