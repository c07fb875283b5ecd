"""The presets as text."""

from __future__ import annotations

import subprocess
import sys

from absl.testing import absltest, parameterized

from ccp.config import DATASETS, PRETRAINED_BACKBONES
from ccp.presets import preset_config
from ccp.presets_table import all_presets, one_preset
from tests import command_line
from tests.ccp.presets_test import PAIR_LOSSES, flat


class TableTest(parameterized.TestCase):
    def row(self, text, name):
        return next(line.split()[1:] for line in text.splitlines() if line.split()[:1] == [name])

    def test_all(self):
        text = all_presets()
        mlrc, conventional, ccp, xbm, proxies, losses, *_ = text.split("\n\n")
        self.assertEqual(self.row(mlrc, "steps_per_epoch"), ["25", "25", "250", "250"])
        self.assertEqual(self.row(mlrc, "embedding_size"), ["128"] * 4)
        self.assertEqual(self.row(conventional, "learning_rate"), ["1e-05", "1e-05", "0.0001", "0.0001"])
        self.assertIn("with resnet50: classes_per_batch 28, weight_decay 0.0004", conventional)
        self.assertEqual(self.row(ccp, "pool_size"), ["12", "12", "7", "7"])
        self.assertEqual(self.row(xbm, "memory_batches"), ["25", "25", "400", "1400"])
        self.assertEqual(self.row(xbm, "its"), ["small", "memory", "3", "3", "100", "400"])
        self.assertEqual(self.row(proxies, "classes_per_batch"), ["32"] * 4)
        self.assertEqual(self.row(proxies, "conventional"), ["classes", "100", "98", "128", "128"])
        self.assertEqual(self.row(proxies, "soft_triple's"), ["10"] * 4)
        for loss, numbers in PAIR_LOSSES.items():
            for name, values in numbers.items():
                self.assertIn(f"  {loss} {name}".ljust(28) + "".join(f"{value:>16g}" for value in values), losses)
        self.assertLessEqual(max(map(len, text.splitlines())), 120)

    def test_one_marks_what_is_no_default(self):
        lines = one_preset({"dataset": "sop", "loss": "soft_triple"}).splitlines()
        self.assertEqual(lines[0], "sop, soft_triple (paper, MLRC); * is not the project's default")
        for line in (
            "  * scale                   100",
            "    tau                     0.2",
            "    learning_rate           1e-05",
        ):
            self.assertIn(line, lines)
        self.assertIn("  * proxies_per_class       10", lines)

    def test_one_of_every_kind_can_be_shown(self):
        names = {line.split()[-2] for line in one_preset({"dataset": "cub"}).splitlines() if line.startswith("  ")}
        self.assertEqual(names, set(flat(preset_config(dataset="cub"))))
        for dataset in DATASETS:
            self.assertIn(dataset, one_preset({"dataset": dataset, "conventional": False}))
        for backbone in PRETRAINED_BACKBONES:
            self.assertIn(
                "paper, conventional", one_preset({"dataset": "cub", "backbone": backbone, "conventional": True})
            )

    @parameterized.parameters(
        ((), "Networks: conv4, resnet20, bn_inception"),
        (("--dataset=CUB200_2011", "--loss=ccp/original_contrastive"), "cub, ccp/cosine_contrastive (paper, MLRC)"),
        (("--conventional",), "cub, ccp/contrastive (paper, conventional)"),
        (("--loss=triplet", "--backbone=ResNet50V2"), "cub, triplet (paper, MLRC)"),
    )
    def test_the_command_prints_without_importing_tensorflow(self, arguments, shown):
        code = (
            f"import sys, main; assert main.main({['presets', *arguments]!r}) == 0; "
            "assert 'tensorflow' not in sys.modules"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=command_line.ROOT, capture_output=True, text=True, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(shown, done.stdout)


if __name__ == "__main__":
    absltest.main()
