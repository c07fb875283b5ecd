"""The losses and their gradients against values recorded from the reference implementation."""

import tensorflow as tf
from absl.testing import parameterized

from ccp import CCPLoss, ClassProxies, CosineContrastiveLoss, CrossBatchMemory, ReferenceLoss, XBMLoss
from tests.support import loss_cases, recorded

# Loss → the prefixes of its values: {entry: keyword arguments of the loss beside its recorded settings}.
TWO_REDUCTIONS = {"/mean_of_active": {}, "/mean": {"pair_reduction": "mean"}}
ONE_REDUCTION = {"": {}}
AGAINST_BATCH_AND_PROXIES = {
    "contrastive": TWO_REDUCTIONS,
    "triplet": TWO_REDUCTIONS,
    "cosine_contrastive": ONE_REDUCTION,
    "multi_similarity": ONE_REDUCTION,
}
AGAINST_PROXIES_ALONE = ("proxy_anchor", "proxy_nca", "soft_triple")

BATCH_AND_PROXY_CASES = tuple(
    (f"{loss}{entry}", loss, entry, arguments)
    for loss, entries in AGAINST_BATCH_AND_PROXIES.items()
    for entry, arguments in entries.items()
)


def assigned_proxies(loss: str) -> ClassProxies:
    points = recorded.below(loss).get("proxies", recorded.original()["proxies"])
    proxies = ClassProxies(*points.shape)
    proxies.points.assign(points)
    return proxies


class RecordedLossesTest(parameterized.TestCase, tf.test.TestCase):
    def assert_recorded(self, prefix, loss, proxies=None):
        embeddings = tf.Variable(recorded.original()["embeddings"])
        with tf.GradientTape() as tape:
            value = loss(recorded.original()["labels"], embeddings)
        variables = {"d_embeddings": embeddings, **({"d_proxies": proxies.points} if proxies else {})}
        gradients = tape.gradient(value, variables)
        entries = recorded.below(prefix)
        self.assertEqual(set(entries) & {"loss", "d_embeddings", "d_proxies"}, {"loss", *variables})
        recorded.assert_matches(value, entries["loss"])
        for name in variables:
            recorded.assert_matches(gradients[name], entries[name])

    @parameterized.named_parameters(*BATCH_AND_PROXY_CASES)
    def test_batch(self, loss, entry, arguments):
        self.assert_recorded(f"{loss}/batch{entry}", loss_cases.build(loss, {**recorded.settings(loss), **arguments}))

    @parameterized.named_parameters(*BATCH_AND_PROXY_CASES)
    def test_proxies(self, loss, entry, arguments):
        pair_loss, proxies = loss_cases.build(loss, {**recorded.settings(loss), **arguments}), assigned_proxies(loss)
        self.assert_recorded(f"{loss}/proxies{entry}", ReferenceLoss(pair_loss, proxies), proxies)

    @parameterized.parameters(*AGAINST_PROXIES_ALONE)
    def test_proxy_losses(self, loss):
        # The original leaves centres inside the unit ball.
        as_recorded = {"unit_centers": False} if loss == "soft_triple" else {}
        pair_loss = loss_cases.build(loss, {**recorded.settings(loss), **as_recorded})
        proxies = assigned_proxies(loss)
        self.assert_recorded(loss, ReferenceLoss(pair_loss, proxies), proxies)

    @parameterized.parameters(*AGAINST_BATCH_AND_PROXIES)
    def test_ccp(self, loss):
        proxies = assigned_proxies(loss)
        ccp_loss = CCPLoss(loss_cases.build(loss, recorded.settings(loss)), proxies)  # Weights 0.1 and 1 by default.
        self.assert_recorded(f"{loss}/ccp", ccp_loss, proxies)

    def test_every_recorded_loss_is_compared_here(self):
        recorded_losses = {name.split("/")[0] for name in recorded.original() if name.endswith("/loss")}
        compared = {*AGAINST_BATCH_AND_PROXIES, *AGAINST_PROXIES_ALONE, "cross_batch_memory"}
        self.assertEqual(recorded_losses, compared)


class RecordedCrossBatchMemoryTest(tf.test.TestCase):
    def test_five_batches_through_a_queue_of_three(self):
        batches = [recorded.below(f"cross_batch_memory/{i}") for i in range(5)]
        batch_size, embedding_size = batches[0]["embeddings"].shape
        capacity = int(recorded.original()["cross_batch_memory/capacity_batches"]) * batch_size
        memory = CrossBatchMemory(capacity, embedding_size)
        loss = XBMLoss(CosineContrastiveLoss(0.5), memory=memory)
        for batch in batches:
            embeddings = tf.Variable(batch["embeddings"])
            with tf.GradientTape() as tape:
                value = loss(batch["labels"], embeddings)
            recorded.assert_matches(value, batch["loss"])
            recorded.assert_matches(tape.gradient(value, embeddings), batch["d_embeddings"])
