"""Losses as declared fields: their bounds, their configuration, and the subclasses that users write."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

import ccp
from ccp.errors import ConfigError
from ccp.losses.step_counter import StepCounter
from tests.support import loss_cases

SAMPLE = loss_cases.sample([0, 0, 1, 1])
BATCH = SAMPLE.arguments("batch")
EVERY_SETTING = [(name, settings) for name, several in loss_cases.EVERY_SETTING.items() for settings in several]


def through_json(loss):
    return tf.keras.losses.deserialize(json.loads(json.dumps(tf.keras.losses.serialize(loss))))


@pytest.mark.parametrize(("name", "settings"), EVERY_SETTING)
def test_configuration_round_trip(name, settings):
    loss = loss_cases.build(name, {**settings, "name": "mine"})
    again = through_json(loss)
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert again.get_config().items() >= {**settings, "name": "mine"}.items()
    np.testing.assert_array_equal(again(*BATCH), loss(*BATCH))


@pytest.mark.parametrize("name", loss_cases.EVERY_SETTING)
def test_defaults_are_the_papers_for_cub(name):
    loss = loss_cases.build(name, {})
    assert loss.name == name
    assert loss.get_config().items() >= loss_cases.EVERY_SETTING[name][0].items()


def test_arguments_by_position_and_of_any_numeric_type():
    loss = ccp.ContrastiveLoss(np.int64(0), tf.constant(0.5))
    assert loss.get_config() == ccp.ContrastiveLoss(0.0, 0.5).get_config()
    assert type(loss.pos_margin) is type(loss.neg_margin) is float
    proxies = ccp.ClassProxies(9, 1, 4)
    assert type(ccp.HierarchicalProxyLoss(loss, proxies, coarse_classes=np.float32(3)).coarse_classes) is int
    assert json.dumps(ccp.MarginLoss(num_classes=np.int64(4)).get_config())


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (ccp.ContrastiveLoss, {"pos_margin": 0.5, "neg_margin": 0.3}, "pos_margin is at most neg_margin.*0.5 and 0.3"),
        (ccp.MetrixLoss, {"pos_margin": 0.6}, "pos_margin is at most neg_margin.*0.6 and 0.5"),
        (ccp.ContrastiveLoss, {"pos_margin": -0.1}, "pos_margin must be at least 0 and at most 2; got -0.1"),
        (ccp.ContrastiveLoss, {"pair_reduction": "sum"}, "'sum'; choose mean_of_active or mean"),
        (ccp.TripletLoss, {"pair_reduction": "sum"}, "'sum'; choose mean_of_active or mean"),
        (ccp.VirtualSoftmaxLoss, {"scale": float("inf")}, "scale must be above 0; got inf"),
        (ccp.MarginLoss, {"cutoff": 1.5}, "cutoff must be above 0 and below 1.41421; got 1.5"),
        (ccp.MarginLoss, {"num_classes": 0}, "num_classes must be at least 1.*got 0"),
    ],
)
def test_refuses_what_is_out_of_bounds(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)


@dataclasses.dataclass(eq=False)
class Declared(ccp.PairLoss):
    """As CONTRIBUTING shows it, with a layer."""

    power: int = ccp.setting(2, "exponent of the distance", at_least=1)
    name: str = "declared"

    def __post_init__(self):
        super().__post_init__()
        self.calls = StepCounter()

    def reduce(self, scores, pairs):
        self.calls.count()
        return tf.reduce_sum(tf.where(pairs.positives, scores**self.power, 0.0))


class Ordinary(ccp.TripletLoss):
    """With a constructor, as Keras users write losses."""

    def __init__(self, share, name="ordinary"):
        super().__init__(margin=0.3, name=name)
        self.share = share

    def reduce(self, scores, pairs):
        return self.share * super().reduce(scores, pairs)

    def get_config(self):
        return {"share": self.share, "name": self.name}


class Bare(ccp.PairLoss):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.calls = StepCounter()


def test_a_users_dataclass():
    loss = Declared(3)
    assert (loss.power, loss.get_config()) == (3, {"name": "declared", "power": 3})
    assert [layer.name for layer in loss.layers] == ["step_counter"]
    loss(*BATCH)
    assert int(loss.calls.steps) == 1
    with pytest.raises(ConfigError, match="power must be a whole number"):
        Declared(2.5)


def test_a_users_class_with_a_constructor():
    loss = Ordinary(0.5)
    with tf.keras.utils.custom_object_scope({"Ordinary": Ordinary}):
        again = through_json(loss)
    for built in (loss, again):
        np.testing.assert_allclose(built(*BATCH), 0.5 * ccp.TripletLoss(0.3)(*BATCH))
    assert (Bare(name="bare").name, Bare(name="bare").get_config()) == ("bare", {"name": "bare"})
    assert len(Bare().layers) == 1
    with pytest.raises(NotImplementedError, match=r"Bare must define reduce\(scores, pairs\)"):
        Bare()(*BATCH)


def test_layers_of_inner_losses_are_its_layers_once():
    proxies, inner = ccp.ClassProxies(2, 1, 4), ccp.MarginLoss()
    loss = ccp.MDRLoss(ccp.ReferenceLoss(inner, proxies))
    assert loss.layers == (inner.boundaries, inner.counter, proxies, loss.regularizer)
    assert [id(v) for v in loss.trainable_variables] == [
        id(v) for v in (inner.boundaries.values, proxies.points, loss.regularizer.levels)
    ]
