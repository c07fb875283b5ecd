"""MemVir against its authors' code and against lists."""

import numpy as np
import pytest
import tensorflow as tf

import ccp
from tests.support import loss_cases, oracles, recorded


def filled(proxies, points):
    """The proxies, at points [num_classes, (proxies_per_class,) embedding_size]."""
    proxies.points.assign(np.reshape(points, proxies.points.shape))
    return proxies


def test_recorded_values():
    """A normalised softmax with N = 2 and M = 1, over 12 steps whose embeddings and proxies are given."""
    values = {name.partition("/")[2]: value for name, value in recorded.cited().items() if name.startswith("memvir/")}
    loss = ccp.MemVirLoss(
        ccp.ProxyNCALoss(temperature=0.2), ccp.ClassProxies(4, 1, 5), 6, virtual_steps=2, virtual_gap=1,
        virtual_start_step=0,
    )  # fmt: skip
    for step, expected in enumerate(values["loss"]):
        points = filled(loss.proxies, values["proxies"][step]).points
        embeddings = tf.constant(values["embeddings"][step])
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = loss(values["labels"][step], embeddings)
        recorded.assert_matches(value, expected)
        d_embeddings, d_points = tape.gradient(value, [embeddings, points])
        for gradient, theirs, vectors in (
            (d_embeddings, values["d_embeddings"][step], values["embeddings"][step]),
            (tf.convert_to_tensor(d_points)[:, 0], values["d_proxies"][step], values["proxies"][step]),
        ):
            # Theirs stretches proxies to length 1: only the part across the vectors is alike.
            across = [g - np.sum(g * vectors, axis=1, keepdims=True) * vectors for g in (gradient, theirs)]
            recorded.assert_matches(*across, tolerance=2e-5)


def test_equals_lists():
    """With several proxies per class, a start, and batches of unequal size."""
    steps, gap, start, settings = 3, 2, 2, {"margin": 0.3, "scale": 2.0}
    proxies = ccp.ClassProxies(3, 2, 4)
    loss = ccp.MemVirLoss(ccp.ProxyAnchorLoss(**settings), proxies, 6, steps, gap, start)
    past = []
    for step in range(16):
        size = (6, 4, 5)[step % 3]
        sample = loss_cases.sample(np.arange(size) % 3, np.repeat(range(3), 2), seed=step)
        filled(proxies, sample.references)
        now = (sample.labels, sample.embeddings, sample.reference_labels, sample.references)
        columns = [list(column) for column in now]
        for k in range(1, steps + 1):
            if len(past) >= k * (gap + 1):
                then = past[-k * (gap + 1)]
                for column, (more, shift) in zip(columns, zip(then, (3 * k, 0, 3 * k, 0))):
                    column += list(more + shift)
        expected = oracles.proxy_anchor(oracles.Problem(*columns), **settings)
        np.testing.assert_allclose(loss(sample.labels, sample.embeddings), expected, rtol=1e-5)
        if step >= start:
            past.append(now)


def test_a_batch_that_does_not_fit_is_refused():
    loss = ccp.MemVirLoss(ccp.ProxyNCALoss(), ccp.ClassProxies(2, 1, 4), batch_size=3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="batches of 3; enlarge batch_size"):
        loss([0, 0, 1, 1], np.eye(4, dtype=np.float32))
