"""PRISM's filter against its authors' code, and what it does to a loss."""

import numpy as np
import pytest
import tensorflow as tf

import ccp
from ccp.methods.prism import NoiseThreshold
from tests.support import loss_cases, recorded


def test_recorded_decisions():
    """Ten batches against a memory that lacks one class; of the seventh every label is wrong."""
    values = {name.partition("/")[2]: value for name, value in recorded.cited().items() if name.startswith("prism/")}
    memory = ccp.CrossBatchMemory(20, 6)
    memory.store(values["memory_labels"], 3.0 * values["memory"])  # Not of length 1, as recorded.
    loss = ccp.PRISMLoss(ccp.CosineContrastiveLoss(), memory, 5, noise_rate=0.3, noise_window=3)
    for labels, embeddings, expected in zip(values["labels"], values["embeddings"], values["counted"]):
        probabilities = loss._probabilities(tf.constant(labels), tf.constant(2.0 * embeddings))
        np.testing.assert_array_equal(loss.threshold.counted(probabilities), expected)


def test_threshold_by_hand():
    threshold = NoiseThreshold(noise_rate=0.5, window=2)
    # Of each four the second lowest is the batch's own threshold; means are 0.2, then 0.3, then of the last two 0.5.
    for probabilities, expected in (
        # Of a batch of classes that the memory lacks there is no threshold: all but the first two count.
        ([1.0, 1.0, 1.0, 1.0], [False, False, True, True]),
        ([0.1, 0.9, 0.2, 0.3], [False, True, False, True]),
        ([0.4, 0.35, 0.8, 0.1], [True, True, True, False]),
        ([0.65, 0.9, 0.7, 0.4], [True, True, True, False]),
        # Nothing is above the mean of 0.65 and 0.1: the two highest count, and only 0.1 is kept.
        ([0.2, 0.1, 0.05, 0.3], [True, False, False, True]),
        # The mean of 0.1 and 0.13.
        ([0.15, 0.11, 0.14, 0.13], [True, False, True, True]),
        # Still that mean.
        ([0.12, 1.0, 1.0, 1.0], [True, True, True, True]),
    ):
        np.testing.assert_array_equal(threshold.counted(tf.constant(probabilities)), expected)


def test_noise_is_left_out_of_the_loss_and_of_the_memory():
    # Memory: class 0 at (1, 0), class 1 at (0, 1). The third example is labelled 0 and looks like class 1.
    memory = ccp.CrossBatchMemory(4, 2)
    memory.store([0, 0, 1, 1], np.eye(2)[[0, 0, 1, 1]])
    pair_loss = ccp.ContrastiveLoss(0.0, 1.5)
    loss = ccp.PRISMLoss(pair_loss, memory, 2, noise_rate=0.4, memory_weight=0.5)
    labels, embeddings = np.array([0, 1, 0]), np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]], np.float32)
    expected = pair_loss(labels[:2], embeddings[:2])
    expected += 0.5 * pair_loss.against(labels[:2], embeddings[:2], *memory.references())
    value, gradient = loss_cases.value_and_gradients(loss, labels, embeddings)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert gradient.numpy()[:2].any()
    assert not gradient.numpy()[2].any()
    np.testing.assert_array_equal(memory.stored_labels, [0, 1, 1, 1])
    np.testing.assert_allclose(memory.embeddings[:2], embeddings[:2])


def test_until_the_memory_is_full_all_count():
    loss = ccp.PRISMLoss(ccp.TripletLoss(), ccp.CrossBatchMemory(12, 4), 3, noise_rate=0.5)
    for seed in range(2):
        sample = loss_cases.sample([0, 0, 1, 1, 2, 2], seed=seed)
        np.testing.assert_allclose(
            loss(sample.labels, sample.embeddings), ccp.TripletLoss()(sample.labels, sample.embeddings)
        )
    assert loss.memory.ready()
    assert loss.threshold.filled == 0


def test_a_broken_embedding_shows():
    memory = ccp.CrossBatchMemory(4, 2)
    memory.store([0, 0, 1, 1], np.eye(2)[[0, 0, 1, 1]])
    loss = ccp.PRISMLoss(ccp.ContrastiveLoss(), memory, 2, noise_rate=0.25)
    assert np.isnan(loss([0, 1, 0, 1], [[np.nan, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))


def test_refuses_a_negative_weight():
    with pytest.raises(ValueError, match="memory_weight must be at least 0; got -1"):
        ccp.PRISMLoss(ccp.TripletLoss(), ccp.CrossBatchMemory(2, 2), 2, memory_weight=-1)
