"""The original's command lines."""

from __future__ import annotations

import contextlib
import io
from unittest import mock

import tensorflow as tf
from absl.testing import parameterized

import experiments.mlrc
import experiments.mlrc_scores
import experiments.repeats
import experiments.stopping
import main
from experiments import original_names
from experiments.commands.command_line import EXIT_USAGE
from experiments.commands.setting_flags import training_flags
from experiments.original_names import FORMER_FLAGS, renamed, usual_names
from experiments.presets import overridden, preset_name


class RenamedTest(parameterized.TestCase):
    def test_names(self):
        for name, names in (
            ("dataset", {"CUB200_2011": "cub", "Cars196": "cars196", "SOP": "sop", "InShop": "inshop"}),
            ("dataset", {"Cifar10": "cifar10", "Cifar100": "cifar100", "CUB": "CUB"}),
            ("backbone", {"BNInception": "bn_inception", "ResNet50V2": "resnet50"}),  # Version 1 there.
            ("loss", {"ccp/original_contrastive": "ccp/cosine_contrastive", "ccp/triplet": "ccp/triplet"}),
            ("loss", {"original_contrastive": "cosine_contrastive", "original": "original"}),
        ):
            for there, here in names.items():
                self.assertEqual(renamed({name: there, "seed": 1}), {name: here, "seed": 1})
        given = {"pooling": "GlobalPooling"}
        self.assertEqual((renamed(given), renamed({"pooling": "gem"})), ({}, {"pooling": "gem"}))
        self.assertEqual(given, {"pooling": "GlobalPooling"})

    def test_flags_that_are_named_exist_and_the_others_do_not(self):
        known = {flag.name for flag in training_flags()}
        for name in original_names._USUAL_NAMES:
            self.assertNotEmpty(usual_names(name, known), name)
        self.assertEmpty(known & {*original_names._USUAL_NAMES, *FORMER_FLAGS})


class CommandLineTest(parameterized.TestCase, tf.test.TestCase):
    """Command lines up to where training begins."""

    def setUp(self):
        super().setUp()
        # Determinism is for a whole process, and here that is every test's.
        self.enter(experiments.stopping, "make_deterministic")
        self.run_mlrc = self.enter(experiments.mlrc, "run_mlrc")
        self.run_mlrc.return_value = {"data": {"unreadable_images_left_out": 0}}
        self.enter(experiments.mlrc_scores, "mlrc_table").return_value = "the table of four folds"
        self.train_run = self.enter(experiments.repeats, "train_run")
        self.enter(experiments.repeats, "collect")
        self.enter(experiments.repeats, "text_table").return_value = "the table of repeats"

    def enter(self, module, name, *new):
        patch = mock.patch.object(module, name, *new)
        self.addCleanup(patch.stop)
        return patch.start()

    def run_main(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.main(["train", *arguments])
        return code, out.getvalue(), err.getvalue()

    def test_the_papers_run_is_four_folds_so_often(self):
        arguments = (
            "--dataset=CUB200_2011",
            "--loss=ccp/original_contrastive",
            "--pooling=GlobalPooling",
            "--repeat=3",
        )
        code, out, err = self.run_main(*arguments, "--data_dir=d", "--backbone=BNInception")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("the table of four folds", out)
        (settings, directory, repeats, stop), _ = self.run_mlrc.call_args
        self.assertEqual((directory, repeats), ("runs/cub-ccp-cosine_contrastive-mlrc", 3))
        self.assertFalse(stop())
        self.assertEqual((preset_name(settings), overridden(settings)), ("paper, MLRC", {}))
        self.assertEqual((settings.loss.loss, settings.network.pooling), ("ccp/cosine_contrastive", "average"))
        self.train_run.assert_not_called()

    @parameterized.parameters(["--conventional=True"], ["--conventional"])
    def test_the_conventional_run_is_one_model_so_often(self, conventional):
        arguments = ("--dataset=Cars196", "--loss=proxy_anchor", "--pooling=GlobalPooling", conventional)
        code, out, err = self.run_main(*arguments, "--data_dir=d", "--repeat=2", "--seed=5", "--run_dir=home")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("the table of repeats", out)
        self.run_mlrc.assert_not_called()
        self.assertLen(self.train_run.call_args_list, 2)
        for seed, ((settings, directory, title, stop), _) in zip((5, 6), self.train_run.call_args_list):
            self.assertEqual((settings.run.seed, directory), (seed, f"home/seed{seed}"))
            self.assertEqual(title, f"proxy_anchor, seed {seed}")
            self.assertFalse(stop())
            self.assertEqual((preset_name(settings), overridden(settings)), ("paper, conventional", {}))
            self.assertEqual((settings.network.pooling, settings.network.embedding_size), ("average_max", 512))

    def test_without_the_papers_protocol_repeat_means_folds_too(self):
        code, _, _ = self.run_main("--dataset=omniglot", "--data_dir=d", "--loss=ccp/multi_similarity", "--repeat=1")
        self.assertEqual(code, 0)
        (settings, _, repeats, _), _ = self.run_mlrc.call_args
        self.assertEqual((settings.data.dataset, settings.network.backbone, repeats), ("omniglot", "conv4", 1))

    @parameterized.parameters(
        ("--repeat=0", "--repeat must be a whole number, at least 1; got '0'"),
        ("--repeat=2 --validation=fold1", "--repeat trains whole protocols, which say what is held out; leave --valid"),
        ("--conventional", "--conventional is a setting of the paper, for cub, cars196, inshop, sop and a pretrained"),
        ("--dataset=CUB200_2011 --backbone=conv4 --conventional", "got cub with conv4. Leave it out"),
        ("--cfg=cub.yaml", "--cfg is a flag of the original code: settings follow from --dataset, --loss and --conv"),
        ("--device=0", "--device is a flag of the original code: choose the device with the environment variable CUDA"),
        ("--model=2", "--model is a flag of the original code: hold out one fold with --validation=fold1"),
        ("--overwrite", "--overwrite is a flag of the original code: runs are resumed; start anew in another"),
        ("--save=True", "--save is a flag of the original code: runs are always saved"),
        ("--dataset=CUB", "Unknown data set 'CUB'. "),
        ("--loss=ccp/original", "Unknown pair loss 'original'"),
        ("--pooling=Global", "Unknown pooling 'Global'"),
    )
    def test_what_cannot_be_kept_is_explained(self, arguments, message):
        code, _, err = self.run_main(*arguments.split())
        self.assertEqual(code, EXIT_USAGE)
        self.assertIn(message, err)
        self.run_mlrc.assert_not_called()

    def test_the_other_protocol_is_no_mlrc(self):
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            code = main.main(["mlrc", "--dataset=cub", "--data_dir=d", "--conventional"])
        self.assertEqual(code, EXIT_USAGE)
        self.assertIn("another protocol, of one model: main.py train --conventional --repeats=3.", err.getvalue())


if __name__ == "__main__":
    tf.test.main()
