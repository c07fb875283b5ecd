"""The table of scores, and a run's pictures on disk."""

import numpy as np
from absl.testing import parameterized
from PIL import Image

from experiments.run_directory import RunDirectory, RunError, write_json
from experiments.run_figures import draw_run, score_table
from experiments.settings import configure
from tests.support import made_up_run, pictures


def _scores(precision_at_1, r_precision, map_at_r):
    return {"precision_at_1": precision_at_1, "r_precision": r_precision, "map_at_r": map_at_r}


class ScoreTableTest(parameterized.TestCase):
    @parameterized.parameters(False, True)
    def test_one_seed(self, in_a_list):
        scores = _scores(0.98765, 0.5, 0.1)
        table = score_table({"ccp/contrastive": [scores] if in_a_list else scores, "plain": _scores(1.0, 0.0, 0.00004)})
        # Names as wide as the longest, 15; columns at least 8 wide, and 2 apart.
        self.assertEqual(
            table.splitlines(),
            [
                "                      P@1       P@R     MAP@R",
                "ccp/contrastive     98.77     50.00     10.00",
                "plain              100.00      0.00      0.00",
            ],
        )

    def test_three_seeds(self):
        # P@1: 70, 72, 77: mean 73; squared deviations 9 + 1 + 16 = 26, over 2 is 13, root 3.61.
        # P@R: 40, 40, 40: 40 ± 0. MAP@R: 10, 20, 60: mean 30; 400 + 100 + 900 = 1400, over 2 is 700, root 26.46.
        # Columns are as wide as the widest cell, 13, and 2 apart.
        seeds = [_scores(0.70, 0.40, 0.10), _scores(0.72, 0.40, 0.20), _scores(0.77, 0.40, 0.60)]
        table = score_table({"a": seeds, "one": _scores(0.5, 0.5, 0.5)})
        self.assertEqual(
            table.splitlines(),
            [
                "               P@1            P@R          MAP@R",
                "a     73.00 ± 3.61   40.00 ± 0.00  30.00 ± 26.46",
                "one          50.00          50.00          50.00",
            ],
        )


class DrawRunTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.run_dir = RunDirectory(pictures.folder_for(self) / "run")
        self.run_dir.path.mkdir()
        write_json(self.run_dir.config, configure({"loss": "ccp/contrastive"}).to_dict())
        for record in made_up_run.epochs(3, projected_at=(2,)):
            self.run_dir.append(record)

    def test_before_any_projection(self):
        self.assertEqual(draw_run(self.run_dir.path), [self.run_dir.path / "figures" / "curves.png"])

    def test_with_projections(self):
        self.run_dir.projections.mkdir()
        for index in range(2):
            kept = made_up_run.projection(index)
            del kept["index"]
            np.savez(self.run_dir.projections / f"{index:04d}.npz", **kept)
        drawn = draw_run(self.run_dir.path, class_names=list("abcde"))
        self.assertEqual([path.name for path in drawn], ["curves.png", "projections.png", "covering_radius.png"])
        for path in drawn:
            self.assertEqual(Image.open(path).format, "PNG")

    def test_no_run(self):
        with self.assertRaisesRegex(RunError, "holds no run"):
            draw_run(pictures.folder_for(self))
