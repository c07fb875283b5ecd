import collections
import math

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import ClassProxies
from ccp.methods.proxy_synthesis import ProxySynthesisLoss, draw_mixtures, mix
from tests.support import finite_differences, loss_cases, oracles

NUM_CLASSES = 5
LABELS = [4, 4, 0, 0, 0, 2, 3, 3, 2]
SAMPLE = loss_cases.sample(LABELS, np.arange(NUM_CLASSES).repeat(2), seed=3)


def proxies_with(points):
    proxies = ClassProxies(NUM_CLASSES, points.shape[1], points.shape[2])
    proxies.points.assign(points)
    return proxies


def mixture(first, second, share):
    first, second = (oracles.lipschitz_normalize(np.asarray(v, np.float64)) for v in (first, second))
    mixed = share * first + (1 - share) * second
    return mixed / math.sqrt(sum(mixed**2))


def problem(labels, embeddings, points, drawn):
    """Real and synthetic embeddings against real and synthetic proxies, by loops; ``drawn`` as by ``draw_mixtures``."""
    share, labels, embeddings = float(drawn.share), list(labels), list(embeddings)
    reference_labels = [c for c in range(len(points)) for _ in points[c]]
    references = [point for own in points for point in own]
    synthetic = {}
    for first, second in zip(drawn.first.numpy(), drawn.second.numpy()):
        own, other = labels[first], labels[second]
        if own not in synthetic:
            synthetic[own] = len(points) + len(synthetic)
            for one, another in zip(points[own], points[other]):
                reference_labels.append(synthetic[own])
                references.append(mixture(one, another, share))
        labels.append(synthetic[own])
        embeddings.append(mixture(embeddings[first], embeddings[second], share))
    return oracles.Problem(labels, embeddings, reference_labels, references)


class ProxySynthesisLossTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(
        name=("proxy_anchor", "proxy_nca", "soft_triple", "contrastive"), proxies_per_class=(1, 2), ratio=(1.0, 0.45)
    )
    def test_equals_loops_with_the_same_draws(self, name, proxies_per_class, ratio):
        settings = loss_cases.SETTINGS[name][0]
        points = np.random.default_rng(1).normal(size=(NUM_CLASSES, proxies_per_class, 4))
        loss = ProxySynthesisLoss(loss_cases.build(name), proxies_with(points), 0.7, ratio, seed=11)
        for step in range(3):
            drawn = draw_mixtures(tf.constant(SAMPLE.labels), 0.7, ratio, [11, step])
            by_loops = problem(SAMPLE.labels, SAMPLE.embeddings, points, drawn)
            self.assertLen(by_loops.labels, len(LABELS) + {1.0: 9, 0.45: 4}[ratio])
            expected = getattr(oracles, name)(by_loops, **settings)
            self.assertAllClose(loss(*SAMPLE.arguments("batch")), expected, rtol=1e-5)

    def test_gradients(self):
        settings = loss_cases.SETTINGS["proxy_nca"][1]
        points = np.random.default_rng(1).normal(size=(NUM_CLASSES, 2, 4)).astype(np.float32)
        loss = ProxySynthesisLoss(loss_cases.build("proxy_nca", settings), proxies_with(points), seed=5)
        value, d_embeddings, d_points = self.evaluated(loss, *SAMPLE.arguments("batch"))
        drawn = draw_mixtures(tf.constant(SAMPLE.labels), 0.4, 1.0, [5, 0])

        def by_loops(embeddings, points):
            return oracles.proxy_nca(problem(SAMPLE.labels, embeddings, points, drawn), **settings)

        self.assertAllClose(value, by_loops(SAMPLE.embeddings, points), rtol=1e-5)
        expected = finite_differences.gradient(lambda e: by_loops(e, points), SAMPLE.embeddings)
        self.assertAllClose(d_embeddings, expected, rtol=1e-4, atol=1e-6)
        expected = finite_differences.gradient(lambda p: by_loops(SAMPLE.embeddings, p), points)
        self.assertAllClose(d_points, expected, rtol=1e-4, atol=1e-6)

    @parameterized.parameters("proxy_anchor", "proxy_nca", "soft_triple")
    def test_one_class_has_no_synthetic_ones(self, name):
        pair_loss, proxies = loss_cases.build(name), ClassProxies(NUM_CLASSES, 2, 4)
        labels = np.full(len(LABELS), 2)
        value, *gradients = self.evaluated(ProxySynthesisLoss(pair_loss, proxies), labels, SAMPLE.embeddings)
        self.assertAllClose(value, pair_loss.against(labels, SAMPLE.embeddings, *proxies.references()), rtol=1e-6)
        self.assertTrue(all(np.isfinite(gradient).all() for gradient in gradients))

    def test_opposite_vectors(self):
        # At a share of ½ they cancel out; a class that is mixed with itself upside down has no direction.
        first, second = tf.constant([[0.6, 0.8], [0.0, 0.0]]), tf.constant([[-0.6, -0.8], [0.0, 0.0]])
        with tf.GradientTape() as tape:
            tape.watch(first)
            mixed = mix(first, second, tf.constant(0.5))
        self.assertAllEqual(mixed, np.zeros((2, 2)))
        self.assertAllInRange(tape.gradient(mixed, first), -1000, 1000)

    def evaluated(self, loss, labels, embeddings):
        embeddings = tf.constant(embeddings)
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = loss(labels, embeddings)
        gradients = tape.gradient(value, [embeddings, loss.proxies.points])
        return (value, *(tf.convert_to_tensor(gradient) for gradient in gradients))


class DrawMixturesTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*range(4))
    def test_each_class_has_one_partner_and_is_one(self, seed):
        drawn = draw_mixtures(tf.constant(SAMPLE.labels), 0.4, 1.0, [seed, 0])
        self.assertCountEqual(drawn.first.numpy(), range(len(LABELS)))
        partners = collections.defaultdict(set)
        for first, second in zip(drawn.first.numpy(), drawn.second.numpy()):
            partners[LABELS[first]].add(LABELS[second])
        self.assertTrue(all(len(partner) == 1 for partner in partners.values()))
        self.assertCountEqual([partner.pop() for partner in partners.values()], [0, 2, 3, 4])
        # In a circle through all four classes none is its own partner, nor its partner's in turn.
        partners = {LABELS[a]: LABELS[b] for a, b in zip(drawn.first.numpy(), drawn.second.numpy())}
        self.assertTrue(all(partners[partners[c]] != c != partners[c] for c in partners))

    def test_a_function_of_the_seed(self):
        def drawn(*seed):
            return [part.numpy().tolist() for part in draw_mixtures(tf.constant(SAMPLE.labels), 0.4, 0.5, seed)]

        self.assertEqual(drawn(3, 1), drawn(3, 1))
        self.assertNotEqual(drawn(3, 1), drawn(3, 2))
        self.assertNotEqual(drawn(3, 1), drawn(4, 1))

    @parameterized.parameters((1.0, 9), (0.5, 4), (0.72, 6), (0.01, 0))
    def test_counts(self, ratio, count):  # Half of 9 goes to the even neighbour, as Python rounds.
        self.assertLen(draw_mixtures(tf.constant(SAMPLE.labels), 0.4, ratio, [0, 0]).first, count)
        self.assertEqual(round(ratio * 9), count)

    def test_every_choice_comes_up(self):
        draw = tf.function(lambda step: draw_mixtures(tf.constant([0, 0, 1, 2, 2]), 0.4, 0.4, tf.stack([0, step])))
        draws = [draw(tf.constant(step)) for step in range(60)]
        pairs = {pair for d in draws for pair in zip(d.first.numpy(), d.second.numpy())}
        labels = [0, 0, 1, 2, 2]
        self.assertEqual(pairs, {(a, b) for a in range(5) for b in range(5) if labels[a] != labels[b]})

    @parameterized.parameters(0.4, 1.0, 3.0)
    def test_shares_follow_the_beta_distribution(self, alpha):
        draw = tf.function(lambda step: draw_mixtures(tf.constant([0, 1]), alpha, 1.0, tf.stack([7, step])).share)
        shares = np.array([draw(tf.constant(step)) for step in range(1500)])
        # Beta(α, α) has mean ½ and variance 1/(4 (2α + 1)). The means of 1,500 are within four deviations of theirs:
        # 4 · ½ / √1500 = 0.052 at most for the first; of the second, (s − ½)² is in [0, ¼]: 4 · ⅛ / √1500 = 0.013.
        self.assertAllClose(shares.mean(), 0.5, atol=0.052)
        self.assertAllClose(np.mean((shares - 0.5) ** 2), 1 / (4 * (2 * alpha + 1)), atol=0.013)
