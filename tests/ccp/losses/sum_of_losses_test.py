"""Sums of losses: values, names, variables, configuration, and plain Keras."""

import json

import numpy as np
import pytest
import tensorflow as tf

import ccp
from ccp.errors import ConfigError
from tests.support import loss_cases

SAMPLE = loss_cases.sample([0, 0, 1, 1, 2, 2])
BATCH = SAMPLE.labels, SAMPLE.embeddings


def all_kinds(**more):
    terms = [ccp.CCPLoss(ccp.TripletLoss(), ccp.ClassProxies(3, 2, 4)), ccp.MDRLoss(ccp.ContrastiveLoss())]
    return ccp.SumOfLosses([*terms, ccp.SoftmaxLoss(3, 4)], **{"weights": [1.0, 0.5, 2.0], **more})


def test_value_and_gradient_are_weighted_sums():
    loss = all_kinds()
    value, gradient = loss_cases.value_and_gradients(all_kinds(), *BATCH)
    single = [loss_cases.value_and_gradients(term, *BATCH) for term in loss.losses]
    np.testing.assert_allclose(value, sum(w * v for w, (v, _) in zip((1.0, 0.5, 2.0), single)), rtol=1e-6)
    np.testing.assert_allclose(gradient, sum(w * g for w, (_, g) in zip((1.0, 0.5, 2.0), single)), atol=1e-6)
    terms = all_kinds().terms(*BATCH)
    assert list(terms) == ["ccp", "mdr", "softmax"]
    np.testing.assert_array_equal(list(terms.values()), [v for v, _ in single])


def test_variables_are_those_of_all_terms():
    loss = all_kinds()
    proxies, levels, classifier = (loss.losses[0].proxies, loss.losses[1].regularizer, loss.losses[2].classifier)
    assert loss.layers == (proxies, levels, classifier)
    assert loss.projected == (proxies,)
    shared = ccp.SumOfLosses([ccp.CCPLoss(ccp.TripletLoss(), proxies), ccp.CCPLoss(ccp.ContrastiveLoss(), proxies)])
    assert (shared.layers, shared.projected) == ((proxies,), (proxies,))
    assert ccp.SumOfLosses([ccp.TripletLoss()]).projected == ()


def test_before_there_are_proxies_each_term_is_what_it_is_then():
    loss = all_kinds()
    before = loss.before_proxies()
    assert (before.names, before.weights, before.projected) == (loss.names, loss.weights, ())
    assert before.losses[1:] == loss.losses[1:]
    assert before.layers == loss.layers[1:]
    np.testing.assert_allclose(before.losses[0](*BATCH), ccp.TripletLoss()(*BATCH), rtol=1e-6)


def test_names_that_are_there_twice_are_numbered():
    terms = [ccp.TripletLoss(), ccp.ContrastiveLoss(), ccp.TripletLoss(margin=0.5)]
    assert ccp.SumOfLosses(terms).names == ("triplet@1", "contrastive", "triplet@3")
    assert ccp.SumOfLosses(terms, names=["a", "b", "c"]).names == ("a", "b", "c")


def test_configuration_round_trip():
    loss = all_kinds(names=["first", "second", "third"])
    again = tf.keras.losses.deserialize(json.loads(json.dumps(tf.keras.losses.serialize(loss))))
    assert again.get_config() == loss.get_config()
    assert (again.names, again.weights) == (("first", "second", "third"), (1.0, 0.5, 2.0))
    assert [type(term) for term in again.losses] == [type(term) for term in loss.losses]
    np.testing.assert_array_equal(again(*BATCH), loss(*BATCH))


def test_keras_compiles_a_sum_without_variables():
    pairs = [ccp.ContrastiveLoss(), ccp.TripletLoss()]
    model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(4, use_bias=False)])
    model.compile("sgd", loss=ccp.SumOfLosses(pairs, [1.0, 3.0]))
    expected = pairs[0](SAMPLE.labels, model(SAMPLE.embeddings)) + 3 * pairs[1](SAMPLE.labels, model(SAMPLE.embeddings))
    reported = model.evaluate(SAMPLE.embeddings, SAMPLE.labels, batch_size=6, verbose=0)
    np.testing.assert_allclose(reported, expected, rtol=1e-5)
    model.compile("sgd", loss=all_kinds())
    with pytest.raises(ValueError, match=r"SumOfLosses has variables.*CCPModel"):
        model.evaluate(SAMPLE.embeddings, SAMPLE.labels, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([],), ConfigError, "at least one loss"),
        (([ccp.TripletLoss()], [1.0, 2.0]), ConfigError, "got 1 losses, 2 weights and 1 names"),
        (([ccp.TripletLoss()], [0.0]), ConfigError, r"above 0 and finite; got \[0.0\]"),
        (([ccp.TripletLoss()], [float("inf")]), ConfigError, "above 0 and finite"),
        (([ccp.TripletLoss(), ccp.ContrastiveLoss()], None, ["a", "a"]), ConfigError, "must differ; got a, a"),
        (([ccp.TripletLoss],), TypeError, "made with arguments; got <class"),
    ],
)
def test_what_is_no_sum_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        ccp.SumOfLosses(*arguments)
