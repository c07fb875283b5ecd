"""Small networks with start weights."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import UserError
from experiments.earlier_network import earlier_network
from models.embedding import build_embedding_model
from models.settings import NetworkSettings
from models.weights.assignment import tensors_of
from models.weights.start_weights import load_start_weights
from tests.support import pictures

# Of tiny_runs.digits.
WIDTH, EMBEDDING_SIZE, IMAGE_SIZE = 4, 8, 16


def small_settings(weights, **settings) -> NetworkSettings:
    """Conv4 as in ``tiny_runs.digits``."""
    usual = {"width": WIDTH, "image_size": IMAGE_SIZE, "embedding_size": EMBEDDING_SIZE}
    return NetworkSettings(weights=str(weights), **{**usual, **settings})


def started(settings: NetworkSettings, channels: int = 1) -> tuple[tf.keras.Model, dict[str, np.ndarray]]:
    """A network with its start weights, and its weights before them."""
    model = build_embedding_model(settings, channels, seed=7)
    before = tensors_of(model)
    load_start_weights(model, settings, earlier_network)
    return model, before


class StartWeightsTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)

    def assert_backbone_taken(self, model, before, expected):
        """Everything but the head is as in ``expected``, and the head as before."""
        for name, values in tensors_of(model).items():
            np.testing.assert_array_equal(values, (before if name.startswith("embedding/") else expected)[name], name)

    def assert_refused_unchanged(self, settings, message, channels=1):
        model = build_embedding_model(settings, channels, seed=7)
        before = model.get_weights()
        with self.assertRaisesRegex(UserError, message):
            load_start_weights(model, settings, earlier_network)
        for now, then in zip(model.get_weights(), before):
            np.testing.assert_array_equal(now, then)
