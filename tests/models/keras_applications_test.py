"""The table of Keras Applications, against Keras itself."""

import importlib
import inspect
from unittest import mock

import pytest
import tensorflow as tf

from models.keras_applications import KERAS_APPLICATIONS
from models.registry import BACKBONES


class _AskedForSize(Exception):
    """With the sizes that Keras asks for."""


def _there(name: str):
    return getattr(tf.keras.applications, KERAS_APPLICATIONS[name].keras_name, None)


def test_every_network_of_keras_has_a_name():
    theirs = {name for name, value in vars(tf.keras.applications).items() if inspect.isfunction(value)}
    ours = {
        entry.keras_name for entry in KERAS_APPLICATIONS.values() if hasattr(tf.keras.applications, entry.keras_name)
    }
    assert ours == theirs
    missing = {name for name in KERAS_APPLICATIONS if _there(name) is None}
    assert missing <= {name for name, entry in KERAS_APPLICATIONS.items() if entry.only_keras_2}


def test_names_in_the_registry():
    assert [name for name, entry in BACKBONES.items() if entry.keras_name] == list(KERAS_APPLICATIONS)


@pytest.mark.parametrize("name", [name for name in KERAS_APPLICATIONS if "mobilenet_v3" not in name])
def test_sizes(name):
    if _there(name) is None:
        pytest.skip("not in this version of Keras")
    module = importlib.import_module(_there(name).__module__)

    def asked(shape, default_size, min_size, **_):
        raise _AskedForSize(default_size, min_size)

    with mock.patch.object(module.imagenet_utils, "obtain_input_shape", asked), pytest.raises(_AskedForSize) as raised:
        _there(name)(include_top=False, weights=None)
    assert raised.value.args == (KERAS_APPLICATIONS[name].size, KERAS_APPLICATIONS[name].smallest)
