"""Networks in files of the user's own, for tests."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError
from models.embedding import build_embedding_model
from models.settings import NetworkSettings
from tests.support import networks, pictures

SIZE = 16


def images(channels: int = 3) -> np.ndarray:
    """[2, SIZE, SIZE, channels] float32, from 0 to 255."""
    return networks.images(channels, size=SIZE)


def parts_of(path: str) -> dict[str, bytes]:
    """What a ``.keras`` file holds, by name."""
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def write_parts(path: str, parts: Mapping[str, bytes | str]) -> None:
    """Makes a ``.keras`` file of these parts."""
    with zipfile.ZipFile(path, "w") as file:
        for name, part in parts.items():
            file.writestr(name, part)


class OwnNetworkTest(parameterized.TestCase, tf.test.TestCase):
    """Tests of networks that are saved and used as backbones."""

    def saved(self, *layers, shape=(SIZE, SIZE, 3)):
        """Saves a network of layers; its path and itself."""
        inputs = outputs = tf.keras.Input(shape)
        for layer in layers:
            outputs = layer(outputs)
        network = tf.keras.Model(inputs, outputs)
        path = str(pictures.folder_for(self) / "own.keras")
        network.save(path)
        return path, network

    def build(self, path, channels=3, **settings):
        settings = {"input_range": "0_255", "embedding_size": 4, **settings}
        return build_embedding_model(NetworkSettings(path, **settings), channels, seed=0)

    def assert_refused(self, message, path, channels=3, **settings):
        with self.assertRaisesRegex(ConfigError, message):
            self.build(path, channels, **settings)
