"""What all pair losses share: the labels and embeddings that they take, and graphs of any size."""

import numpy as np
import pytest
import tensorflow as tf

import ccp
from tests.support import loss_cases

LABELS, REFERENCE_LABELS = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 2, 2])
SAMPLE = loss_cases.sample(LABELS, REFERENCE_LABELS)
REFERENCES = SAMPLE.references
in_every_mode = pytest.mark.parametrize(("name", "mode"), loss_cases.NAMES_AND_MODES)


def called(loss, mode, labels, embeddings, reference_labels=REFERENCE_LABELS):
    """The loss of a batch, or of a batch against SAMPLE's references."""
    return (
        loss(labels, embeddings) if mode == "batch" else loss.against(labels, embeddings, reference_labels, REFERENCES)
    )


@pytest.mark.parametrize(
    ("name", "mode"), [case for case in loss_cases.NAMES_AND_MODES if case[0] not in loss_cases.CLASSIFIERS]
)
def test_only_the_equality_of_labels_matters(name, mode):
    def value(convert):
        # A new loss each time: some draw, depending on the number of calls.
        return called(loss_cases.build(name), mode, convert(LABELS), SAMPLE.embeddings, convert(REFERENCE_LABELS))

    expected = value(lambda labels: labels)
    for convert in (
        lambda labels: labels.astype("uint8"),
        lambda labels: labels.astype("str"),
        lambda labels: labels[:, np.newaxis],
        lambda labels: labels.tolist(),
        lambda labels: 2**24 + labels.astype("int32"),  # 2**24 and 2**24 + 1 are one number in float32,
        lambda labels: 2**53 + labels,  # 2**53 and 2**53 + 1 in float64.
        lambda labels: np.array([40, -3, 7])[labels],
    ):
        np.testing.assert_allclose(value(convert), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (LABELS.astype(np.float32), TypeError, "Labels must be integers.*got float32.*tf.cast"),
        (np.eye(3, dtype=np.int64)[LABELS], ValueError, r"\[batch\] or \[batch, 1\]; got \(5, 3\).*one-hot.*tf.argmax"),
        (LABELS[:4], ValueError, "got 4 labels for 5 embeddings"),
        (LABELS[:1], ValueError, "got 1 labels for 5 embeddings"),
    ],
)
def test_refuses_other_labels(labels, error, message):
    loss = ccp.TripletLoss()
    for mode in ("batch", "against"):
        with pytest.raises(error, match=message):
            called(loss, mode, labels, SAMPLE.embeddings)
    with pytest.raises(error, match=message):
        loss.against(REFERENCE_LABELS, REFERENCES, labels, SAMPLE.embeddings)


def test_refuses_embeddings_that_are_no_matrix():
    with pytest.raises(ValueError, match=r"\[batch, embedding_size\]; got \(5, 2, 2, 3\).*pooling"):
        ccp.TripletLoss()(LABELS, np.zeros((5, 2, 2, 3), np.float32))


@pytest.mark.parametrize("name", loss_cases.WITHIN_BATCH)
def test_a_loss_within_the_batch_refuses_other_references(name):
    loss = loss_cases.build(name)
    with pytest.raises(ValueError, match=f"{type(loss).__name__} compares a batch with itself.*proxies or a memory"):
        ccp.ReferenceLoss(loss, ccp.ClassProxies(3, 1, 4))(LABELS, SAMPLE.embeddings)


@in_every_mode
def test_computes_in_float32_whatever_the_embeddings_are(name, mode):
    rounded = tf.cast(SAMPLE.embeddings, tf.float16)
    expected = called(loss_cases.build(name), mode, LABELS, tf.cast(rounded, tf.float32))
    for embeddings in (rounded, tf.cast(rounded, tf.float64), rounded.numpy().tolist()):
        np.testing.assert_array_equal(called(loss_cases.build(name), mode, LABELS, embeddings), expected)


@in_every_mode
def test_a_graph_for_every_size_equals_eager(name, mode):
    compiled_loss, eager_loss = loss_cases.build(name), loss_cases.build(name)
    labels, vectors = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 4], tf.float32)

    @tf.function(input_signature=[labels, vectors] * (1 if mode == "batch" else 2))
    def compiled(*arguments):
        return loss_cases.value_and_gradients(compiled_loss, *arguments)

    for seed, (batch, references) in enumerate(((5, 3), (8, 1), (1, 6))):
        arguments = loss_cases.sample(np.arange(batch) // 2, np.arange(references) // 2, seed=seed).arguments(mode)
        for computed, expected in zip(compiled(*arguments), loss_cases.value_and_gradients(eager_loss, *arguments)):
            np.testing.assert_allclose(computed, expected, rtol=1e-4, atol=1e-5)
    assert compiled.experimental_get_tracing_count() == 1
