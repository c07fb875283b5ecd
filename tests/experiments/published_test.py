"""The paper's numbers are found for what the paper measured, and for nothing else."""

import tensorflow as tf
from absl.testing import parameterized

from experiments.published import published_scores
from experiments.settings import configure


def _scores(dataset, loss, size):
    return published_scores(configure({"dataset": dataset, "data_dir": "d", "loss": loss}), size)


class PublishedTest(parameterized.TestCase, tf.test.TestCase):
    def test_a_line_of_the_table(self):
        # C1,SOP,512,68.84,43.28,40.25
        found = _scores("sop", "proxy/cosine_contrastive", 512)
        self.assertAllClose(list(found.values()), [0.6884, 0.4328, 0.4025])
        self.assertEqual(list(found), ["precision_at_1", "r_precision", "map_at_r"])

    def test_not_of_models_of_another_size(self):
        # One model of 512 dimensions is not four of 128 joined.
        settings = configure({"dataset": "sop", "data_dir": "d", "loss": "ccp/contrastive", "embedding_size": 512})
        self.assertIsNone(published_scores(settings, 512))

    def test_hierarchical_proxies(self):
        # HPL-PA,SOP,512,76.97,51.97,49.07
        self.assertAllClose(list(_scores("sop", "hpl/proxy_anchor", 512).values()), [0.7697, 0.5197, 0.4907])

    @parameterized.product(
        dataset=("cub", "cars196", "sop", "inshop"),
        loss=("proxy/contrastive", "ccp/contrastive", "ccp/multi_similarity", "proxy/soft_triple", "proxy/proxy_nca"),
        size=(128, 512),
    )
    def test_every_data_set_has_them(self, dataset, loss, size):
        found = _scores(dataset, loss, size)
        self.assertAllInRange(list(found.values()), 0.1, 0.95)
        self.assertGreater(found["precision_at_1"], found["r_precision"])

    @parameterized.parameters(
        ("digits", "ccp/contrastive", 128),
        ("cub", "ccp/contrastive", 64),
        ("cub", "plain/contrastive", 128),  # The paper's contrastive losses are against proxies.
        ("cub", "ccp_xbm/contrastive", 128),
        ("cub", "xbm/multi_similarity", 128),
        ("cub", "ccp/proxy_anchor", 128),
        ("cub", "proxy/margin", 128),
        ("cub", "hpl/proxy_nca", 128),
        ("cub", "npairs", 128),
    )
    def test_what_the_paper_has_not_measured(self, dataset, loss, size):
        settings = {"dataset": dataset, "loss": loss, **({} if dataset == "digits" else {"data_dir": "d"})}
        self.assertIsNone(published_scores(configure(settings), size))
