"""Proxies and memory in a loss: all their combinations with every pair loss."""

import numpy as np
import pytest
import tensorflow as tf

import ccp
from tests.support import loss_cases

BATCH, EMBEDDING_SIZE = 6, 4
BATCHES = [loss_cases.sample([0, 0, 1, 1, 2, 3], [0], EMBEDDING_SIZE, seed).arguments("batch") for seed in range(3)]
# At the defaults few pairs of the contrastive loss are active. The margin loss draws: see its own test.
SETTINGS = {name: loss_cases.EVERY_SETTING[name][0] for name in loss_cases.AGAINST if name != "margin"}
SETTINGS["contrastive"] = {"pos_margin": 0.0, "neg_margin": 0.9}
every_pair_loss = pytest.mark.parametrize("name", SETTINGS)


def new_proxies():
    return ccp.ClassProxies(4, 2, EMBEDDING_SIZE, seed=1)


def new_memory():
    """Of two batches, the current one among them."""
    return ccp.CrossBatchMemory(2 * BATCH, EMBEDDING_SIZE)


# Losses of a pair loss, and their weights of the batch, the proxies and the memory.
METHODS = {
    "proxy": (lambda pair_loss: ccp.ReferenceLoss(pair_loss, new_proxies()), (0.0, 1.0, 0.0)),
    "xbm": (lambda pair_loss: ccp.XBMLoss(pair_loss, memory=new_memory()), (1.0, 0.0, 1.0)),
    "ccp": (lambda pair_loss: ccp.CCPLoss(pair_loss, new_proxies()), (0.1, 1.0, 0.0)),
    "ccp_xbm": (lambda pair_loss: ccp.CCPLoss(pair_loss, new_proxies(), 0.3, 0.7, new_memory(), 0.5), (0.3, 0.7, 0.5)),
}


@pytest.mark.parametrize("method", METHODS)
@every_pair_loss
def test_equals_the_sum_of_its_terms(name, method):
    pair_loss = loss_cases.build(name, SETTINGS[name])
    build, (batch_weight, proxy_weight, memory_weight) = METHODS[method]
    loss = build(pair_loss)
    for i, batch in enumerate(BATCHES):
        terms = [(batch_weight, batch)]
        if proxy_weight:
            terms.append((proxy_weight, (*batch, *loss.proxies.references())))
        if memory_weight and i > 0:  # The memory is full.
            # The queue is a ring of two batches: the third overwrites the first.
            stored = [BATCHES[2], BATCHES[1]] if i == 2 else BATCHES[:2]
            own_copies = range(BATCH) if i == 2 else range(BATCH, 2 * BATCH)
            terms.append((memory_weight, (*batch, *map(np.concatenate, zip(*stored)), own_copies)))
        by_hand = [(weight, loss_cases.value_and_gradients(pair_loss, *term)) for weight, term in terms if weight]

        value, gradient = loss_cases.value_and_gradients(loss, *batch)
        assert np.isfinite(value)
        np.testing.assert_allclose(value, sum(weight * term[0] for weight, term in by_hand), rtol=1e-5)
        expected = sum(weight * term[1] for weight, term in by_hand)  # No gradient goes through the memory.
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_before_there_are_proxies_a_ccp_loss_is_without_them(method):
    loss, batch = METHODS[method][0](ccp.ContrastiveLoss(0.0, 0.9)), BATCHES[0]
    before = loss.before_proxies()
    if not method.startswith("ccp"):
        assert before is loss
        return
    assert before.proxies is None
    assert before.memory is loss.memory
    expected = loss.pair_loss(*batch)
    np.testing.assert_allclose(before(*batch), expected, rtol=1e-6)
    if before.memory is not None:  # Which holds the first batch already, and now the second.
        terms = [loss_cases.value_and_gradients(loss.pair_loss, *BATCHES[1])[0]]
        stored = [np.concatenate(values) for values in zip(*BATCHES[:2])]
        terms.append(
            0.5 * loss_cases.value_and_gradients(loss.pair_loss, *BATCHES[1], *stored, range(BATCH, 2 * BATCH))[0]
        )
        np.testing.assert_allclose(before(*BATCHES[1]), sum(terms), rtol=1e-5)


@every_pair_loss
def test_no_example_is_its_own_pair_in_the_memory(name):
    loss = ccp.ReferenceLoss(loss_cases.build(name, SETTINGS[name]), memory=new_memory())
    loss(*BATCHES[0])
    # C1 compares an anchor with its copy, as recorded from the original.
    own_copies = None if name == "cosine_contrastive" else range(BATCH, 2 * BATCH)
    references = map(np.concatenate, zip(*BATCHES[:2]))
    expected = loss_cases.expected(name, SETTINGS[name], *BATCHES[1], *references, own_copies)
    np.testing.assert_allclose(loss(*BATCHES[1]), expected, rtol=1e-4)


def test_compiled_equals_eager():
    eager, loss = (METHODS["ccp_xbm"][0](loss_cases.build("triplet")) for _ in range(2))
    compiled = tf.function(loss)
    for labels, embeddings in BATCHES:
        value = compiled(tf.constant(labels), tf.constant(embeddings))
        np.testing.assert_allclose(value, eager(labels, embeddings), rtol=1e-5)
    assert compiled.experimental_get_tracing_count() == 1


def test_large_labels_stay_separate_in_a_memory():
    loss = ccp.ReferenceLoss(ccp.TripletLoss(1.0), memory=ccp.CrossBatchMemory(4, 2))
    # All in one point: a triplet costs its margin, if there is one. Were the two classes merged, there were none.
    labels = np.int32([2**24, 2**24, 2**24 + 1, 2**24 + 1])
    assert float(loss(labels, np.zeros((4, 2), np.float32))) == 1.0
    assert loss.memory.stored_labels.numpy().tolist() == labels.tolist()


def test_narrow_labels_do_not_wrap_around_among_many_proxies():
    # As uint8, proxies 256 to 299 would be taken for classes 0 to 43.
    loss = ccp.ReferenceLoss(ccp.TripletLoss(1.0), ccp.ClassProxies(300, 1, EMBEDDING_SIZE))
    labels, embeddings = BATCHES[0]
    assert float(loss(labels.astype(np.uint8), embeddings)) == float(loss(labels, embeddings))


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (ccp.ReferenceLoss, {}, "needs proxies, a memory, or the batch"),
        (ccp.ReferenceLoss, {"batch_weight": -0.1}, r"at least 0; got \[-0.1, 1.0"),
        (ccp.ReferenceLoss, {"memory_weight": np.nan}, r"at least 0; got \[0.0, 1.0, nan"),
        (ccp.XBMLoss, {"proxies": new_memory()}, "proxies must be a ClassProxies; got .*Memory"),
        (ccp.XBMLoss, {}, "XBMLoss needs a memory"),
        (ccp.CCPLoss, {}, "CCPLoss needs class proxies"),
        (ccp.CCPLoss, {"proxies": new_proxies(), "proxy_weight": 0}, "proxy_weight must be above 0"),
        (ccp.CCPLoss, {"proxies": new_proxies(), "batch_weight": -1}, "batch_weight must be at least 0; got -1"),
    ],
)
def test_refuses_what_is_missing_or_out_of_bounds(kind, arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        kind(ccp.TripletLoss(), **arguments)
