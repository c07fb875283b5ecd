from absl.testing import absltest, parameterized
from ccp.losses.settings import PAIR_LOSS_SETTINGS
from ccp.methods.names import BATCH_LOSSES, METHODS, PROXY_LOSSES, parse_loss

from ccp.errors import ConfigError
from experiments.settings import configure


class BatchLossesTest(parameterized.TestCase):
    def test_are_losses_and_no_proxy_losses(self):
        self.assertContainsSubset(BATCH_LOSSES, PAIR_LOSS_SETTINGS)
        self.assertEmpty(set(BATCH_LOSSES) & set(PROXY_LOSSES))

    @parameterized.parameters(*BATCH_LOSSES)
    def test_are_plain(self, name):
        self.assertEqual(parse_loss(name), ("plain", name))
        self.assertEqual(parse_loss(f"plain/{name}"), ("plain", name))
        for method in METHODS:
            if method != "plain":
                message = f"{name} compares a batch with itself and cannot be trained as {method}/{name}.*--loss={name}"
                with self.assertRaisesRegex(ConfigError, message):
                    parse_loss(f"{method}/{name}")

    def test_virtual_softmax_means_proxies(self):
        self.assertEqual(parse_loss("virtual_softmax"), ("proxy", "virtual_softmax"))


class NumbersTest(absltest.TestCase):
    def test_of_the_margin_loss(self):
        settings = configure({"loss": "ccp/margin", "boundary_weight": 0, "cutoff": 1.4, "margin": -0.1}).loss.settings
        self.assertEqual(settings, {"margin": -0.1, "boundary": 1.2, "boundary_weight": 0, "cutoff": 1.4})
        for name, value, message in (
            ("boundary_weight", -1.0, "boundary_weight must be at least 0 and finite; got -1"),
            ("boundary", 0.0, "boundary must be above 0 and finite; got 0"),
            ("cutoff", 1.5, "cutoff must be below √2.*got 1.5"),
        ):
            with self.assertRaisesRegex(ConfigError, message):
                configure({"loss": "margin", name: value})


if __name__ == "__main__":
    absltest.main()
