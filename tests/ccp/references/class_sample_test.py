"""Samples of classes, and losses over them."""

import numpy as np
import pytest
import tensorflow as tf

import ccp
from ccp.references.class_sample import sampled_classes
from tests.support import loss_cases

CLASSES, PER_CLASS, SIZE = 20, 2, 4
LABELS = np.int64([3, 3, 7, 19, 7, 0])
_, EMBEDDINGS = loss_cases.sample(LABELS, [0], SIZE, 0).arguments("batch")


def drawn(step, share=0.4, labels=LABELS):
    return sampled_classes(tf.constant(labels), CLASSES, share, tf.constant([5, step])).numpy()


def sampling_loss(pair_loss, share, seed=5):
    return ccp.ReferenceLoss(
        pair_loss, ccp.ClassProxies(CLASSES, PER_CLASS, SIZE, seed=1), class_share=share, seed=seed
    )


def gradient_of(loss):
    with tf.GradientTape() as tape:
        value = loss(LABELS, EMBEDDINGS)
    (gradient,) = tape.gradient(value, loss.trainable_variables)
    return float(value), gradient


def test_holds_the_classes_of_the_batch_and_others_none_twice():
    samples = [drawn(step) for step in range(200)]
    for sample in samples:
        assert len(set(sample.tolist())) == len(sample) == 8
        assert set(LABELS.tolist()) <= set(sample.tolist())
    counts = np.bincount(np.concatenate(samples), minlength=CLASSES)
    others = np.delete(counts, LABELS)
    # Each of 16 others is in a sample with probability 4 / 16: 50 of 200, with deviation 6.1.
    assert others.min() > 25 and others.max() < 75


@pytest.mark.parametrize(("share", "labels", "size"), [(0.01, LABELS, 6), (0.01, [2], 1), (1.0, LABELS, 20)])
def test_size_of_the_sample(share, labels, size):
    assert len(drawn(0, share, np.int64(labels))) == size


def test_no_more_classes_than_there_are_in_a_batch_of_more_examples():
    many = tf.constant([0, 1, 2, 0, 1, 2], tf.int64)
    assert sorted(sampled_classes(many, 3, 0.5, tf.constant([0, 0])).numpy()) == [0, 1, 2]


def test_follows_from_seed_and_step():
    np.testing.assert_array_equal(drawn(3), drawn(3))
    assert set(drawn(3)) != set(drawn(4))


@pytest.mark.parametrize("name", ["arcface", "proxy_nca", "contrastive", "multi_similarity"])
def test_equals_the_pair_loss_over_a_loop_of_the_sampled_proxies(name):
    pair_loss = loss_cases.build(name)
    loss = sampling_loss(pair_loss, 0.4)
    points = loss.proxies.points.numpy()
    for step in range(2):
        seed = tf.random.experimental.stateless_fold_in(tf.constant([5, step], tf.int64), 1)
        sample = sampled_classes(tf.constant(LABELS), CLASSES, 0.4, seed).numpy()
        references = [(label, points[label, k]) for label in sample for k in range(PER_CLASS)]
        labels, rows = np.int64([label for label, _ in references]), np.stack([row for _, row in references])
        expected = loss_cases.value_and_gradients(pair_loss, LABELS, EMBEDDINGS, labels, rows)[0]
        value, gradient = gradient_of(loss)
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        moved = np.flatnonzero(np.abs(tf.convert_to_tensor(gradient).numpy()).sum(axis=(1, 2)))
        assert set(moved) <= set(sample) and len(moved) > 0


@pytest.mark.parametrize("share", [1.0, 0.999])
def test_all_classes_give_the_full_loss(share):
    # 0.999 of 20 classes are 20, in another order.
    full, full_gradient = gradient_of(ccp.ReferenceLoss(ccp.ArcFaceLoss(), sampling_loss(None, 1.0).proxies))
    value, gradient = gradient_of(sampling_loss(ccp.ArcFaceLoss(), share))
    np.testing.assert_allclose(value, full, rtol=1e-6)
    np.testing.assert_allclose(tf.convert_to_tensor(gradient), full_gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_samples_other_classes_at_every_call(jit_compile):
    loss = sampling_loss(ccp.ContrastiveLoss(0.0, 1.9), 0.4)
    compiled = tf.function(lambda: gradient_of_tensor(loss), jit_compile=jit_compile)
    moved = [frozenset(np.flatnonzero(np.abs(compiled().numpy()).sum(axis=(1, 2)))) for _ in range(4)]
    assert all(set(LABELS) <= classes for classes in moved)
    assert len(set(moved)) > 1 and all(len(classes) <= 8 for classes in moved)
    assert compiled.experimental_get_tracing_count() == 1


def gradient_of_tensor(loss):
    with tf.GradientTape() as tape:
        value = loss(tf.constant(LABELS), tf.constant(EMBEDDINGS))
    return tf.convert_to_tensor(tape.gradient(value, loss.trainable_variables)[0])


def test_refuses_a_share_of_no_proxies():
    with pytest.raises(ValueError, match=r"class_share=0\.5 is a share of class proxies"):
        ccp.XBMLoss(ccp.TripletLoss(), memory=ccp.CrossBatchMemory(4, 2), class_share=0.5)
    with pytest.raises(ValueError, match="class_share must be above 0 and at most 1"):
        sampling_loss(ccp.TripletLoss(), 0.0)
