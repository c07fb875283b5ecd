"""What is said of a run that made no projection."""

from absl.testing import parameterized

from experiments.no_projection import no_projection
from experiments.settings import configure


class NoProjectionTest(parameterized.TestCase):
    @parameterized.parameters(
        (
            {"patience": 5, "max_epochs": 11},
            "the score never stood still for 5 epochs before training ended; try --projection=period",
        ),
        (
            {"max_epochs": 10},  # The period's default, of which the last epoch is followed by no projection.
            "the score never stood still for 3 epochs before training ended; try --projection=period "
            "--projection_period=1",
        ),
        (
            {"projection": "period", "projection_period": 1, "max_epochs": 1},
            "they come between epochs, and there was one alone; try a larger --max_epochs",
        ),
        (
            {"projection": "period", "projection_period": 7},
            "training ended within the first 7 epochs; try a smaller --projection_period",
        ),
        (
            {"projection": "staleness", "staleness": 0.01},
            "the learning rates before the last epoch add up to less than 0.01; try a smaller --staleness",
        ),
    )
    def test_why_and_what_to_do(self, changes, expected):
        settings = configure({"loss": "ccp_xbm/contrastive", "max_epochs": 7, "memory_start_step": 0}, changes)
        self.assertEqual(no_projection(settings, 0), f"no projection happened: {expected}")
        self.assertIsNone(no_projection(settings, 1))

    def test_other_methods_make_none(self):
        self.assertIsNone(no_projection(configure({"loss": "proxy/contrastive"}), 0))
