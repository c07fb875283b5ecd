"""Scores as a table of text."""

from absl.testing import parameterized

from evaluate.metrics.statistics import summary
from evaluate.metrics.table import score_table


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
        # Columns are as wide as their widest cell, 12 or 13, and 2 apart.
        seeds = [_scores(0.70, 0.40, 0.10), _scores(0.72, 0.40, 0.20), _scores(0.77, 0.40, 0.60)]
        table = score_table({"a": seeds, "one": _scores(0.5, 0.5, 0.5)})
        self.assertEqual(
            table.splitlines(),
            [
                "              P@1           P@R          MAP@R",
                "a    73.00 ± 3.61  40.00 ± 0.00  30.00 ± 26.46",
                "one         50.00         50.00          50.00",
            ],
        )

    def test_summaries_missing_scores_and_further_columns(self):
        # Of 0.1 and 0.3: mean 0.2, deviation 0.1414; t(0.975, 1) = 12.706, times 0.1414 / sqrt(2) = 1.2706.
        rows = {"a": {"map_at_r": summary([0.1, 0.3])}, "b": {"map_at_r": 0.25}}
        table = score_table(rows, {"seeds": {"a": "2"}})
        self.assertEqual(
            table.splitlines(),
            [
                "        P@1       P@R                            MAP@R     seeds",
                "a         –         –  20.00 ± 14.14 [-107.06, 147.06]         2",
                "b         –         –                            25.00",
            ],
        )
