"""Every training method with every pair loss that goes with it."""

import json

import numpy as np
import pytest
import tensorflow as tf

from ccp.errors import ConfigError
from ccp.losses.registry import MINING, PAIR_LOSSES
from ccp.methods.build import Sizes, build_loss
from ccp.methods.registry import METHODS, hyperparameters_of, parse_loss
from tests.support import loss_cases

SIZES = Sizes(num_classes=5, embedding_size=4, batch_size=7, seed=3)
BATCHES = [loss_cases.sample([4, 0, 0, 2, 3, 3, 2], seed=seed) for seed in range(6)]
# The memory fills with the second batch, and classes are clustered at every second call.
SMALL = {
    "proxies_per_class": 2,
    "memory_batches": 1,
    "memory_start_step": 1,
    "coarse_classes": 3,
    "clustering_period": 2,
    "virtual_steps": 2,
    "virtual_gap": 0,
    "virtual_start_step": 1,
    "noise_rate": 0.3,
    "flow_blocks": 1,
    "flow_depth": 2,
    "flow_width": 4,
    "distance_weight": 0.5,
    "batch_weight": 0.5,
}


def built(name, **changes):
    values = {**SMALL, **changes}
    return build_loss(name, {key: values[key] for key in hyperparameters_of(name) if key in values}, SIZES)


def is_admitted(name):
    try:
        parse_loss(name)
    except ConfigError:
        return False
    return True


def test_mining_is_built_from_its_name():
    assert built("ccp/triplet").pair_loss.mining is None
    assert built("ccp/triplet", mining="multi_similarity", mining_margin=0.3).pair_loss.mining.epsilon == 0.3
    assert built("mdr/contrastive", mining="semi_hard", mining_margin=0.3).pair_loss.mining.margin == 0.3
    assert built("proxy_nca", mining="distance_weighted").pair_loss.mining.seed == SIZES.seed
    for name in MINING:
        with_memory = built("ccp_xbm/multi_similarity", mining=name)
        assert np.isfinite([float(with_memory(sample.labels, sample.embeddings)) for sample in BATCHES[:3]]).all()


ADMITTED = list(filter(is_admitted, (f"{method}/{pair_loss}" for method in METHODS for pair_loss in PAIR_LOSSES)))
# Every kind of variable: boundaries and a count of draws, proxies, a memory, levels, clusters, past steps, a threshold.
STATEFUL = [
    *(f"{method}/margin" for method in ("mdr", "hpl", "proxy_synthesis", "memvir", "prism", "nir")),
    "ccp_xbm/margin+0.5*softmax",
]
DEGENERATE = [
    "mdr/margin",
    "prism/triplet",
    "nir/triplet",
    *(f"{method}/proxy_anchor" for method in ("hpl", "proxy_synthesis", "memvir")),
]


def trained(loss, samples):
    """The losses of a few steps of gradient descent on what the loss learns and on a linear layer."""
    kernel, values = tf.Variable(tf.eye(4)), []
    for sample in samples:
        variables = [kernel, *loss.trainable_variables]
        with tf.GradientTape() as tape:
            values.append(loss(sample.labels, sample.embeddings @ kernel))
        for variable, gradient in zip(variables, tape.gradient(values[-1], variables)):
            variable.assign_sub(0.05 * tf.convert_to_tensor(gradient))
    return [float(value) for value in values]


def all_variables(loss):
    return [variable for layer in loss.layers for variable in layer.variables]


@pytest.mark.parametrize("name", ADMITTED)  # 8 methods with 9 pair losses, and 4 that compare a batch with itself.
def test_trains_all_that_it_learns(name):
    loss = built(name)
    start = [variable.numpy() for variable in loss.trainable_variables]
    values = trained(loss, BATCHES[:2])
    assert np.isfinite(values).all()
    assert max(values) > 0
    for variable, before in zip(loss.trainable_variables, start):
        assert (variable.numpy() != before).any(), variable.name


@pytest.mark.parametrize("name", STATEFUL)
def test_a_restored_loss_continues_as_the_saved_one(name, tmp_path):
    loss, again = built(name), built(name)
    trained(loss, BATCHES[:3])
    path = tf.train.Checkpoint(layers=list(loss.layers)).write(tmp_path / "layers")
    tf.train.Checkpoint(layers=list(again.layers)).read(path).assert_consumed()
    assert trained(again, BATCHES[3:]) == trained(loss, BATCHES[3:])
    for variable, expected in zip(all_variables(again), all_variables(loss)):
        np.testing.assert_array_equal(variable, expected)


@pytest.mark.parametrize("name", STATEFUL)
def test_configuration_round_trip(name):
    loss = built(name)
    again = tf.keras.losses.deserialize(json.loads(json.dumps(tf.keras.losses.serialize(loss))))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert not set(map(id, all_variables(again))) & set(map(id, all_variables(loss)))
    assert trained(again, BATCHES) == trained(loss, BATCHES)


@pytest.mark.parametrize("name", STATEFUL)
def test_compiled_equals_eager_for_every_size(name):
    eager, loss = built(name), built(name)
    signature = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 4], tf.float32)]
    compiled = tf.function(loss, input_signature=signature)
    for sample in BATCHES[:3]:
        for size in (7, 3, 1):  # A batch of one and the last of an epoch among them.
            batch = sample.labels[:size], sample.embeddings[:size]
            np.testing.assert_allclose(compiled(*batch), eager(*batch), rtol=1e-5)


@pytest.mark.parametrize("name", STATEFUL)
def test_half_precision_and_labels_of_any_integer_type(name):
    labels, embeddings = BATCHES[0].arguments("batch")
    rounded = tf.cast(embeddings, tf.float16)
    expected = built(name)(labels, tf.cast(rounded, tf.float32))
    value, gradient = loss_cases.value_and_gradients(built(name), labels.astype(np.uint8)[:, np.newaxis], rounded)
    assert (value.dtype, gradient.dtype) == (tf.float32, tf.float16)
    np.testing.assert_array_equal(value, expected)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("labels", "embeddings"),
    [
        ([2, 2, 2], np.eye(3, 4)),
        ([4], np.eye(1, 4)),
        ([0, 0, 3, 4], np.full((4, 4), 0.5)),
        ([0, 0, 3, 4], np.zeros((4, 4))),
        ([0, 0, 3, 4], 1e4 * np.eye(4)),
    ],
)
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_batches_have_finite_losses_and_gradients(name, labels, embeddings):
    loss, embeddings = built(name), tf.constant(embeddings, tf.float32)
    for _ in range(3):
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = loss(labels, embeddings)
        assert np.isfinite(value)
        for gradient in tape.gradient(value, [embeddings, *loss.trainable_variables]):
            assert (np.abs(tf.convert_to_tensor(gradient)) < 1e4).all()


@pytest.mark.parametrize(
    ("name", "label"), [("proxy/triplet", 5), ("ccp/triplet", -1), ("hpl/triplet", 5), ("proxy_synthesis/triplet", 5)]
)
def test_labels_of_classes_without_proxies_are_refused(name, label):
    # They would only have negatives: with classes numbered from 1, the last class would not be learned.
    with pytest.raises(tf.errors.InvalidArgumentError, match="proxies of 5 classes, for the labels 0 to 4"):
        tf.function(built(name))(tf.constant([0, 0, label]), tf.constant(BATCHES[0].embeddings[:3]))
    with pytest.raises(TypeError, match="Proxies are for numbered classes; got string labels"):
        built(name)(["a", "a", "b"], BATCHES[0].embeddings[:3])


def test_a_sum_is_built_from_its_terms():
    loss = build_loss("ccp/margin+0.5*proxy/triplet+softmax", {"margin@2": 0.4, "batch_weight": 0.2}, SIZES)
    assert (loss.names, loss.weights) == (("ccp/margin", "proxy/triplet", "softmax"), (1.0, 0.5, 1.0))
    first, second, third = loss.losses
    assert (first.batch_weight, first.pair_loss.margin, second.pair_loss.margin) == (0.2, 0.2, 0.4)
    assert (third.num_classes, third.embedding_size) == (5, 4)
    assert build_loss("triplet+triplet", {}, SIZES).names == ("triplet@1", "triplet@2")


def test_no_two_terms_of_runs_with_adjacent_seeds_draw_the_same():
    def seeds_of(seed):
        first, second, third = build_loss("ccp/triplet+proxy/triplet+softmax", {}, SIZES._replace(seed=seed)).losses
        return [first.proxies.seed, second.proxies.seed, third.seed]

    seeds = [seeds_of(seed) for seed in range(4)]
    assert [first for first, *_ in seeds] == [0, 1, 2, 3]
    assert len({seed for of_run in seeds for seed in of_run}) == 12
    assert seeds[3] == seeds_of(3)


def test_hyperparameters_and_sizes_arrive():
    synthesis = built("proxy_synthesis/proxy_nca", synthesis_alpha=0.7, synthesis_ratio=0.5, temperature=0.3)
    assert (synthesis.synthesis_alpha, synthesis.synthesis_ratio, synthesis.seed) == (0.7, 0.5, 3)
    assert (synthesis.pair_loss.temperature, synthesis.proxies.seed) == (0.3, 3)
    hierarchical = built("hpl/proxy_anchor", coarse_classes=4, coarse_weight=0.4, clustering_period=7)
    assert (hierarchical.coarse.num_coarse, hierarchical.coarse_weight) == (4, 0.4)
    assert hierarchical.clustering_period == 7
    ccp_xbm = built("ccp_xbm/margin", memory_weight=0.3, memory_batches=4, memory_start_step=9, proxy_weight=0.8)
    assert (ccp_xbm.memory_weight, ccp_xbm.proxy_weight, ccp_xbm.batch_weight) == (0.3, 0.8, 0.5)
    assert (ccp_xbm.memory.capacity, ccp_xbm.memory.start_step) == (4 * 7, 9)
    assert tuple(ccp_xbm.proxies.points.shape) == (5, 2, 4)
    assert (ccp_xbm.pair_loss.num_classes, ccp_xbm.pair_loss.seed) == (5, 3)
    assert built("mdr/triplet", distance_weight=0.6).distance_weight == 0.6
    # Synthetic classes are others in every batch, and virtual ones at every step.
    assert built("proxy_synthesis/margin").pair_loss.num_classes is None
    assert built("memvir/margin").pair_loss.num_classes is None
    assert (built("memvir/margin").batch_size, built("prism/margin").num_classes) == (7, 5)


@pytest.mark.parametrize(("num_classes", "clusters"), [(6, 2), (24, 3), (100, 12)])
def test_coarse_classes_are_an_eighth_of_the_classes_and_at_least_2(num_classes, clusters):
    assert build_loss("hpl/proxy_anchor", {}, Sizes(num_classes, 4, 8)).coarse.num_coarse == clusters
