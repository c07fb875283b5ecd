"""What only the losses of TensorFlow Addons have; oracles and degenerate batches are in the tests of all losses."""

import math

import numpy as np
import pytest
import tensorflow as tf

import ccp
from ccp.losses.addons import AddonsLoss, paired_within_classes
from tests.support import loss_cases


def test_npairs_by_hand():
    # Pairs (1, 0.5) of class 0 and (0.5, −1) of class 1; the third of class 0 is left out.
    # Anchor 1: 0.5 against −1; anchor 0.5: −0.5 against 0.25.
    expected = (math.log1p(math.exp(-1.5)) + math.log1p(math.exp(0.75))) / 2
    value = ccp.NPairsLoss()([0, 0, 1, 1, 0], [[1.0], [0.5], [0.5], [-1.0], [0.3]])
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_pairs_within_classes():
    first, second = paired_within_classes(tf.constant([1, 0, 1, 2, 0, 1, 1, 0]))
    # Class 0 at 1, 4, 7; class 1 at 0, 2, 5, 6; class 2 at 3.
    assert list(zip(first.numpy(), second.numpy())) == [(1, 4), (0, 2), (5, 6)]


@pytest.mark.parametrize("labels", [[0] * 4, [0, 1, 2, 3], [0]])
@pytest.mark.parametrize("name", loss_cases.WITHIN_BATCH)
def test_without_pairs_of_both_kinds(name, labels):
    value, gradient = loss_cases.value_and_gradients(
        loss_cases.build(name), *loss_cases.sample(labels).arguments("batch")
    )
    assert float(value) == 0.0
    assert not gradient.numpy().any()


@pytest.mark.parametrize("name", loss_cases.WITHIN_BATCH)
def test_refuses_other_references(name):
    loss = loss_cases.build(name)
    message = f"{type(loss).__name__} compares a batch with itself.*proxies or a memory"
    with pytest.raises(ValueError, match=message):
        loss.against(*loss_cases.sample([0, 0], [0]).arguments("against"))
    with pytest.raises(ValueError, match=message):
        ccp.ReferenceLoss(loss, ccp.ClassProxies(1, 1, 4))(*loss_cases.sample([0, 0]).arguments("batch"))
    with pytest.raises(ValueError, match=message):
        ccp.XBMLoss(loss, memory=ccp.CrossBatchMemory(2, 4))(*loss_cases.sample([0, 0]).arguments("batch"))


def test_a_subclass_must_define_its_loss():
    with pytest.raises(NotImplementedError, match="AddonsLoss must define batch_loss"):
        AddonsLoss()(*loss_cases.sample([0, 0, 1]).arguments("batch"))
