"""What the page says of a model."""

import pathlib

from absl.testing import absltest

from experiments.browse.about import about_model


class AboutModelTest(absltest.TestCase):
    def test_scores(self):
        info = {
            "dataset": "digits",
            "loss": "ccp/contrastive",
            "protocol": {"test": "leave-one-out"},
            "test": {"precision_at_1": 0.5, "precision_at_1_lowest": 0.5, "map_at_r": 0.25},
        }
        expected = {
            "Model": "model/3",
            "Trained on": "digits, ccp/contrastive",
            "Test scores": "P@1 50.00 %, MAP@R 25.00 %",
            "Tested by": "leave-one-out",
        }
        self.assertEqual(about_model(pathlib.Path("/a/model/3"), info), expected)

    def test_without_scores(self):
        self.assertEqual(about_model(pathlib.Path("/a/model/3"), {}), {"Model": "model/3"})


if __name__ == "__main__":
    absltest.main()
