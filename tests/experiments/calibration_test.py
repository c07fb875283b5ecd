"""Thresholds of runs and of exported models."""

import json
import shutil
from unittest import mock

import numpy as np
from absl.testing import parameterized

from ccp.errors import UserError
from evaluate.verification import verify
from experiments import calibration
from experiments.calibration import calibrate_export, calibrate_run
from experiments.commands import calibrate as command
from experiments.restored import RestoredRun
from experiments.run_directory import RunDirectory
from models.serving.threshold import read_threshold
from tests.support import made_up_run, pictures, served


def _embedded(classes, per_class, seed, noise=0.4):
    random, labels = np.random.default_rng(seed), np.repeat(np.arange(classes), per_class)
    points = random.normal(size=(classes, 5))[labels] + noise * random.normal(size=(len(labels), 5))
    return made_up_run.embedded(points / np.linalg.norm(points, axis=1, keepdims=True), labels)


class CalibrateRunTest(parameterized.TestCase):
    def calibrate(self, validation, test, seen=(), **arguments):
        """Calibrates a run whose images have these embeddings."""
        run = RunDirectory(pictures.folder_for(self))

        def names(embedded):
            return mock.Mock(class_names=embedded.class_names, num_classes=len(embedded.class_names))

        splits = mock.Mock(
            train=mock.Mock(class_names=seen),
            validation=names(validation),
            test=names(test),
            validation_source="classes of quarter 4",
        )
        restored = mock.Mock(
            spec=RestoredRun,
            run=run,
            experiment=mock.Mock(splits=splits),
            progress={"epochs": 3, "best_epoch": 2, "finished": True},
            embed=lambda split: {"validation": validation, "test": test}[split],
        )
        with mock.patch.object(calibration, "restore_run", return_value=restored):
            return calibrate_run(str(run.path), **arguments)

    def test_chooses_on_validation_and_checks_on_test(self):
        validation, test = _embedded(40, 8, 0), _embedded(30, 8, 1)
        done = self.calibrate(validation, test)
        expected = verify(validation.embeddings, validation.labels, fmrs=[1e-3]).at_fmr[0]
        record = json.loads(done.files[0].read_text())
        self.assertEqual((record["threshold"], record["fmr"]), (expected.threshold, 1e-3))
        self.assertEqual(record["interval_95"], expected.interval_95)
        self.assertEqual((record["epochs"], record["best_epoch"]), (3, 2))
        checked = verify(test.embeddings, test.labels, thresholds=[expected.threshold]).at_threshold[0]
        self.assertEqual(record["test"]["at_threshold"][0]["fmr"]["value"], checked.fmr.value)
        self.assertEqual(done.checked, checked)
        threshold = read_threshold(done.files[0].parent)
        self.assertEqual((threshold.low, threshold.high), tuple(expected.interval_95))
        self.assertTrue(done.files[1].exists())
        lines = command._table(done).splitlines()
        self.assertRegex(lines[0], r"^threshold 0\.\d+, 95% interval 0\.\d+ to 0\.\d+$")
        self.assertRegex(lines[2], r"^wanted +0\.1%$")
        self.assertRegex(lines[4], r"^test +[\d.]+% \[.*\] +[\d.]+% \[")

    def test_the_best_rate_that_the_data_support(self):
        # 12 classes of 6: 72 · 71 / 2 − 12 · 15 = 2,376 impostor pairs; 30 of them are 1.26%.
        done = self.calibrate(_embedded(12, 6, 0), _embedded(12, 6, 1))
        self.assertEqual(done.record["fmr"], 0.02)
        with self.assertRaisesRegex(UserError, r"FMR of 0\.001 needs 30,000 impostor pairs.*Pass --fmr=0\.02, or add"):
            self.calibrate(_embedded(12, 6, 0), _embedded(12, 6, 1), fmr=1e-3)

    def test_classes_that_were_trained_on(self):
        sets = _embedded(12, 6, 0), _embedded(12, 6, 1)
        message = "2 of the 12 classes of the validation images were trained on.*Train with --validation=fold1"
        with self.assertRaisesRegex(UserError, message):
            self.calibrate(*sets, seen=("class 3", "class 5", "other"))
        done = self.calibrate(*sets, seen=("class 3", "class 5", "other"), allow_seen_classes=True)
        self.assertRegex(done.notes[0], "the threshold holds for these classes only")
        self.assertEqual(done.record["seen_classes"], 2)

    def test_too_few_classes(self):
        with self.assertRaisesRegex(UserError, "validation has 9 classes, and the interval of a threshold needs 10"):
            self.calibrate(_embedded(9, 9, 0), _embedded(12, 6, 1))

    def test_a_test_set_without_pairs_checks_nothing_and_it_is_said(self):
        done = self.calibrate(_embedded(12, 6, 0), _embedded(1, 6, 1))
        self.assertIsNone(done.checked)
        self.assertRegex(done.notes[0], "not checked on the test images: There is no impostor pair")

    def test_selected_on_test(self):
        validation = _embedded(12, 6, 0)
        restored = mock.Mock(spec=RestoredRun)
        splits = mock.Mock(validation=validation)
        splits.test = splits.validation
        restored.experiment = mock.Mock(splits=splits)
        with (
            mock.patch.object(calibration, "restore_run", return_value=restored),
            self.assertRaisesRegex(UserError, "selected on its test images, so none are left"),
        ):
            calibrate_run("a run")


class CalibrateExportTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.model = self.folder / "model" / "1"
        shutil.copytree(served.exported() / "1", self.model)

    def write(self, name, classes, start=0):
        images = served.digit_images(140)
        for number in range(12 * 5):
            path = self.folder / name / f"{start + number % classes}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pictures.png_of(images[start + number]))
        return str(self.folder / name)

    def test_writes_into_the_version_and_checks_on_other_classes(self):
        images, tested = self.write("a", 12), self.write("b", 12, start=60)
        done = calibrate_export(str(self.folder / "model"), images, tested)
        self.assertEqual(done.files, [self.model / "threshold.json"])
        self.assertEqual(read_threshold(self.model).distance, done.record["threshold"])
        self.assertEqual(done.record["source"], images)
        self.assertIsNotNone(done.checked)
        self.assertRegex(done.notes[-1], "A server uses it after main.py export --model=.* --gallery=")
        with self.assertRaisesRegex(UserError, "share 12 classes, as '0'; pass other"):
            calibrate_export(str(self.folder / "model"), images, images)

    def test_directories_without_classes(self):
        with self.assertRaisesRegex(UserError, "is no directory; calibrating needs one with a folder of images"):
            calibrate_export(str(self.folder / "model"), str(self.folder / "nowhere"))
        pictures_only = self.folder / "pictures"
        pictures_only.mkdir()
        (pictures_only / "alone.png").write_bytes(pictures.png_of(served.digit_images(1)[0]))
        with self.assertRaisesRegex(UserError, "has no folders of images; calibrating needs one for each class"):
            calibrate_export(str(self.folder / "model"), str(pictures_only))
