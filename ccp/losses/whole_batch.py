"""What every loss here has in common: it is one number for a whole batch."""

from __future__ import annotations

import tensorflow as tf


class WholeBatchLoss(tf.keras.losses.Loss):
    """A loss without a part that belongs to a single example.

    So ``sample_weight`` is refused rather than broadcast into a wrong number, and the reduction is a sum, which of one
    number is that number; Keras takes its own default under no distribution strategy.
    """

    def __init__(self, name: str | None = None, **kwargs):
        super().__init__(name=name, **{"reduction": tf.keras.losses.Reduction.SUM, **kwargs})

    def __call__(self, y_true, y_pred, sample_weight=None):
        """See ``call``; a ``sample_weight`` is refused with a ValueError."""
        if sample_weight is not None:
            raise ValueError(
                f"{type(self).__name__} is one number for the whole batch and cannot weight examples; "
                "leave sample_weight and class_weight out."
            )
        return super().__call__(y_true, y_pred)
