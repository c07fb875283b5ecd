"""What a result says of its run."""

from __future__ import annotations

from absl.testing import absltest

from experiments.description import describe
from experiments.experiment import Experiment
from experiments.presets import preset_settings


def described(**chosen):
    """The record of a training on digits."""
    return describe(Experiment(preset_settings(dataset="digits", loss="ccp/contrastive", **chosen)))


class DescriptionTest(absltest.TestCase):
    def test_departures_from_the_preset(self):
        found = described(neg_margin=0.5, seed=4)
        changed = {"neg_margin": {"preset": 0.3841, "here": 0.5}}
        self.assertEqual(found["settings"], {"preset": "small, from scratch", "overridden": changed})
        self.assertEqual((found["dataset"], found["loss"], found["seed"]), ("digits", "ccp/contrastive", 4))
        self.assertEqual((found["weights"], described(weights="earlier.h5")["weights"]), ("none", "earlier.h5"))

    def test_what_selected_the_model(self):
        by_images = described()["protocol"]["model_selection"]
        self.assertRegex(by_images, r"^best map_at_r on .* images of 5 classes\)$")
        self.assertNotIn("the test set itself", by_images)
        found = described(validation="test", select_on_test=True, monitor="precision_at_1")
        self.assertRegex(
            found["protocol"]["model_selection"], r"^best precision_at_1 on the test set itself, .*optimistic"
        )
        self.assertEqual(set(found["settings"]["overridden"]), {"validation", "select_on_test", "monitor"})
        # Digits has 896 images of its classes 5 to 9, and nothing else is held out.
        self.assertEqual(found["data"]["validation"], {"images": 896, "classes": 5})
        self.assertEqual(found["data"]["train"], {"images": 901, "classes": 5})


if __name__ == "__main__":
    absltest.main()
