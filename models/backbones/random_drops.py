"""Dropout and stochastic depth of networks that others have built."""

from __future__ import annotations

import logging

import tensorflow as tf

from ccp.keras_api import layers_of

_log = logging.getLogger("ccp")
_RATES = ("rate", "drop_prob")  # The attribute's name in Keras, and in some layers of KerasHub.


def switch_off_drops(network: tf.keras.Model) -> None:
    """Sets the rate of all layers that drop at random to 0, in place.

    What Keras drops follows from a state that a resumed training does not have, and a resumed training has to equal an
    unbroken one.
    """
    switched_off = 0
    for layer in layers_of(network):
        for name in _RATES:
            if isinstance(getattr(layer, name, None), (int, float)) and getattr(layer, name) > 0:
                setattr(layer, name, 0.0)
                switched_off += 1
    if switched_off:
        _log.info("%s: dropout is switched off (%d)", network.name, switched_off)
