"""Sources of references in a loss: proxies, memory, and all their combinations with every pair loss."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import CCPLoss, ClassProxies, CrossBatchMemory, ReferenceLoss, TripletLoss
from tests.support import loss_cases

BATCH, EMBEDDING_SIZE = 6, 4
BATCHES = [loss_cases.Sample.of([0, 0, 1, 1, 2, 3], [0], EMBEDDING_SIZE, seed=seed) for seed in range(3)]
SETTINGS = {"contrastive": {"pos_margin": 0.0, "neg_margin": 0.9}}


class CombinationsTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.proxies = ClassProxies(4, 2, EMBEDDING_SIZE, seed=1)
        self.memory = CrossBatchMemory(2 * BATCH, EMBEDDING_SIZE)

    def built(self, pair_loss, method):
        """The loss, and the weights of its parts: batch, proxies, memory."""
        if method == "plain":
            return pair_loss, (1.0, 0.0, 0.0)
        if method == "proxy":
            return ReferenceLoss(pair_loss, [(self.proxies, 1.0)]), (0.0, 1.0, 0.0)
        if method == "xbm":
            return ReferenceLoss(pair_loss, [(self.memory, 1.0)], batch_weight=1.0), (1.0, 0.0, 1.0)
        if method == "ccp":
            return CCPLoss(pair_loss, self.proxies), (0.1, 1.0, 0.0)
        ccp_xbm = CCPLoss(pair_loss, self.proxies, 0.3, 0.7, memory=self.memory, memory_weight=0.5)
        return ccp_xbm, (0.3, 0.7, 0.5)

    @parameterized.product(name=loss_cases.NAMES, method=("plain", "proxy", "xbm", "ccp", "ccp+xbm"))
    def test_equals_the_sum_of_its_parts(self, name, method):
        pair_loss = loss_cases.build(name, SETTINGS.get(name))
        loss, (batch_weight, proxy_weight, memory_weight) = self.built(pair_loss, method)
        queued = []
        for sample in BATCHES if memory_weight else BATCHES[:1]:
            batch = sample.arguments("batch")
            queued = [*queued, batch][-2:]  # The memory holds two batches, the current one among them.
            parts = []
            if batch_weight:
                parts.append((batch_weight, batch))
            if proxy_weight:
                parts.append((proxy_weight, (*batch, *self.proxies.references())))
            if memory_weight and len(queued) == 2:
                own_copies = range(BATCH, 2 * BATCH)
                parts.append((memory_weight, (*batch, *(np.concatenate(both) for both in zip(*queued)), own_copies)))
            by_hand = [(weight, loss_cases.value_and_gradients(pair_loss, *part)) for weight, part in parts]

            value, gradient, _ = loss_cases.value_and_gradients(loss, *batch)
            self.assertTrue(np.isfinite(value))
            self.assertAllClose(value, sum(weight * part[0] for weight, part in by_hand), rtol=1e-5)
            expected = sum(weight * part[1] for weight, part in by_hand)  # None of it through the memory.
            self.assertAllClose(gradient, expected, rtol=1e-4, atol=1e-5)

    @parameterized.parameters(*loss_cases.NAMES)
    def test_no_example_is_its_own_pair_in_the_memory(self, name):
        settings = SETTINGS.get(name, loss_cases.SETTINGS[name][0])
        before, now = (sample.arguments("batch") for sample in BATCHES[:2])
        loss = ReferenceLoss(loss_cases.build(name, settings), [(self.memory, 1.0)])
        loss(*before)
        # C1 meets its own copies, as recorded from the original.
        own_copies = None if name == "cosine_contrastive" else range(BATCH, 2 * BATCH)
        references = [np.concatenate(both) for both in zip(before, now)]
        self.assertAllClose(loss(*now), loss_cases.expected(name, settings, *now, *references, own_copies), rtol=1e-4)

    @parameterized.parameters(*loss_cases.NAMES)
    def test_compiled_equals_eager(self, name):
        eager = self.built(loss_cases.build(name, SETTINGS.get(name)), "ccp+xbm")[0]
        expected = [eager(*sample.arguments("batch")) for sample in BATCHES]
        self.memory = CrossBatchMemory(2 * BATCH, EMBEDDING_SIZE)
        compiled = tf.function(self.built(loss_cases.build(name, SETTINGS.get(name)), "ccp+xbm")[0])
        values = [compiled(tf.constant(s.labels), tf.constant(s.embeddings)) for s in BATCHES]
        self.assertAllClose(values, expected, rtol=1e-5)
        self.assertEqual(compiled.experimental_get_tracing_count(), 1)


class ReferenceLossTest(tf.test.TestCase):
    def test_large_labels_stay_apart_in_a_memory(self):
        memory = CrossBatchMemory(4, 2)
        loss = ReferenceLoss(TripletLoss(1.0), [(memory, 1.0)])
        # All at one place: a triplet costs its margin, if there is one. Were the two classes merged, there were none.
        self.assertAllClose(loss(np.int32([2**24, 2**24, 2**24 + 1, 2**24 + 1]), np.zeros((4, 2), np.float32)), 1.0)
        self.assertAllEqual(memory.stored_labels, [2**24, 2**24, 2**24 + 1, 2**24 + 1])

    def test_narrow_labels_do_not_wrap_around_among_many_proxies(self):
        # As uint8, proxies 256 to 299 would be taken for classes 0 to 43.
        proxies, sample = ClassProxies(300, 1, EMBEDDING_SIZE), BATCHES[0]
        loss = ReferenceLoss(TripletLoss(1.0), [(proxies, 1.0)])
        wide = loss(sample.labels, sample.embeddings)
        self.assertAllEqual(loss(sample.labels.astype(np.uint8), sample.embeddings), wide)

    def test_sources_are_told_of_every_batch(self):
        memory = CrossBatchMemory(BATCH, EMBEDDING_SIZE)
        loss = CCPLoss(TripletLoss(), ClassProxies(4, 1, EMBEDDING_SIZE), memory=memory)
        self.assertLen(loss.sources, 2)
        for sample in BATCHES:
            loss(*sample.arguments("batch"))
        self.assertEqual(int(memory.batches_seen), 3)

    def test_refuses_sample_weight(self):
        loss = CCPLoss(TripletLoss(), ClassProxies(4, 1, EMBEDDING_SIZE))
        with self.assertRaisesRegex(ValueError, "CCPLoss is one number for the whole batch"):
            loss(*BATCHES[0].arguments("batch"), sample_weight=np.ones(BATCH, np.float32))

    def test_refuses_no_references_at_all(self):
        with self.assertRaisesRegex(ValueError, "batch_weight above 0.*or at least one source"):
            ReferenceLoss(TripletLoss())

    def test_refuses_negative_weights(self):
        proxies = ClassProxies(4, 1, EMBEDDING_SIZE)
        with self.assertRaisesRegex(ValueError, r"at least 0; got -0.1 and \[1.0\]"):
            ReferenceLoss(TripletLoss(), [(proxies, 1.0)], batch_weight=-0.1)
        with self.assertRaisesRegex(ValueError, r"at least 0; got 0.1 and \[-1\]"):
            CCPLoss(TripletLoss(), proxies, proxy_weight=-1)
