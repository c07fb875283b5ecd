"""Which runs become one network; what is loaded of them: tests/experiments/exporting_test.py."""

import types
from unittest import mock

from absl.testing import absltest

from ccp.errors import UserError
from datasets.input.formats import ImageFormat
from experiments import trained_network
from experiments.run_directory import RunDirectory, RunError
from experiments.trained_network import load_trained_network
from tests.support import pictures


class TrainedNetworkTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pictures.folder_for(self)
        for fold in (1, 2, 3, 4):
            run = RunDirectory(self.home / f"fold{fold}-repeat0")
            run.path.mkdir()
            run.settings.write_text("{}")

    def test_folds_that_take_different_images(self):
        def restored(run_dir, *_):
            size = 14 if "fold3" in run_dir else 12
            experiment = types.SimpleNamespace(format=ImageFormat(size, 12, 3))
            return types.SimpleNamespace(run=RunDirectory(run_dir), experiment=experiment, progress={})

        message = "must take the same images; .*fold1-repeat0 takes 12 × 12 pix.* and .*fold3-repeat0 14 × 14 pixels"
        with mock.patch.object(trained_network, "restore_run", restored), self.assertRaisesRegex(UserError, message):
            load_trained_network(str(self.home))

    def test_folds_that_are_missing(self):
        message = "holds no fold1-repeat1, fold2.*repeat 2 needs four models; pass another --repeat_number"
        with self.assertRaisesRegex(UserError, message):
            load_trained_network(str(self.home), repeat=2)

    def test_no_run(self):
        with self.assertRaisesRegex(RunError, "holds no run"):
            load_trained_network(str(self.home / "elsewhere"))
