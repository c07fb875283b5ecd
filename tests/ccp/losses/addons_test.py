"""Losses that TensorFlow Addons has too: values and gradients recorded from it, and its own where it is installed."""

import numpy as np
import pytest
import tensorflow as tf

from ccp.distances import cosine_similarity, lipschitz_normalize
from tests.support import loss_cases, recorded

# As they were recorded.
SETTINGS = {
    "semi_hard_triplet": {"margin": 0.9},
    "hard_triplet": {"margin": 0.9},
    "lifted_structure": {"margin": 0.7},
    "npairs": {},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_recorded_values(name):
    values = recorded.addons()
    loss = loss_cases.build(name, SETTINGS[name])
    value, gradient = loss_cases.value_and_gradients(loss, values["labels"], values["embeddings"])
    recorded.assert_matches(value, values[f"{name}/loss"])
    recorded.assert_matches(gradient, values[f"{name}/d_embeddings"])


def by_addons(name, labels, embeddings):
    losses = pytest.importorskip("tensorflow_addons", reason="no Addons for this Python").losses
    if name != "npairs":
        functions = {
            "semi_hard_triplet": losses.triplet_semihard_loss,
            "hard_triplet": losses.triplet_hard_loss,
            "lifted_structure": losses.lifted_struct_loss,
        }
        return functions[name](labels, embeddings, **SETTINGS[name])
    rows = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    firsts, seconds = (np.concatenate([own[at : len(own) // 2 * 2 : 2] for own in rows]) for at in (0, 1))
    similarities = cosine_similarity(tf.gather(embeddings, firsts), tf.gather(embeddings, seconds))
    return losses.npairs_loss(labels[firsts], similarities)


@pytest.mark.parametrize("batch", [8, 64])
@pytest.mark.parametrize("name", SETTINGS)
def test_equals_addons(name, batch):
    sample = loss_cases.sample(
        np.random.default_rng(batch).integers(0, batch // 4, batch), embedding_size=16, seed=batch
    )
    embeddings = tf.constant(sample.embeddings)
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        expected = by_addons(name, sample.labels, lipschitz_normalize(embeddings))
    loss = loss_cases.build(name, SETTINGS[name])
    value, gradient = loss_cases.value_and_gradients(loss, sample.labels, sample.embeddings)
    recorded.assert_matches(value, expected)
    recorded.assert_matches(gradient, tape.gradient(expected, embeddings))
