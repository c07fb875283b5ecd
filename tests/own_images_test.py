"""A folder of the user's images, from the command line: validated, trained on, evaluated, and bad images reported."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from experiments.commands.command_line import EXIT_FAILURE
from tests.support import command_line, photographs, pictures

TRAIN = (
    "--loss=ccp/contrastive",
    "--image_size=16",
    "--width=4",
    "--embedding_size=4",
    "--classes_per_batch=3",
    "--steps_per_epoch=2",
    "--max_epochs=2",
    "--proxies_per_class=2",
    "--pool_size=4",
)
PROJECTING = ("--projection=period", "--projection_period=1")
# Of image files themselves, the other tests train on some.
DECODED_SIMPLY = {**command_line.NO_BOARD, photographs.OPEN_IMAGE: photographs.open_jpeg}


@pytest.mark.slow  # A process for each command.
class OwnImagesTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pictures.folder_for(self)
        self.folder = self.home / "my images"
        self.paths = photographs.write(self.folder, num_classes=8, per_class=6)

    def run_ok(self, *arguments: str) -> str:
        code, out, err = command_line.run_forked(*arguments)
        self.assertEqual(code, 0, err)
        return out

    def train(self, *arguments: str, **more) -> tuple[int, str, str]:
        places = f"--data_dir={self.folder}", f"--run_dir={self.home / 'run'}"
        return command_line.run_forked("train", "--dataset=folder", *places, *TRAIN, *arguments, **more)

    def test_bad_images_stop_then_are_counted(self):
        # Classes 0 to 3 are trained on; one of their images is damaged, and one of the test images.
        photographs.truncate(self.folder, ["1/4.jpg", "6/0.jpg"])
        (self.folder / "3" / "0.jpg").write_bytes(b"")
        code, _, err = self.train()
        self.assertEqual(code, EXIT_FAILURE)
        self.assertRegex(
            err, r"error: .*(1/4|3/0|6/0)\.jpg cannot be read \(.+\)\. Fix or remove it.*--on_bad_image=skip"
        )
        self.assertNotIn("Traceback", err)

        code, out, err = self.train(*PROJECTING, "--on_bad_image=skip")
        self.assertEqual(code, 0, err)
        self.assertIn("Left out: 3 images that could not be read", out)
        self.assertRegex(err, r"left out: .*6/0\.jpg cannot be read \(.+\)")
        result = json.loads((self.home / "run" / "result.json").read_text())
        self.assertEqual(result["data"]["unreadable_images_left_out"], 3)
        self.assertEqual(result["data"]["test"], {"images": 24, "classes": 4})
        lines = (self.home / "run" / "bad_images.jsonl").read_text().splitlines()
        listed = {json.loads(line)["path"] for line in lines}
        self.assertEqual(listed, {"1/4.jpg", "3/0.jpg", "6/0.jpg"})
        # With the policy changed back, images that were left out are not forgotten.
        code, _, err = self.train(*PROJECTING, "--on_bad_image=stop")
        self.assertEqual(code, EXIT_FAILURE)
        self.assertIn("lists 3 images that this run has left out", err)
        # Evaluated by a process that only reads the record.
        self.assertIn("3 images that could not be read", self.run_ok("evaluate", f"--run_dir={self.home / 'run'}"))
        evaluation = json.loads((self.home / "run" / "evaluation_test.json").read_text())
        self.assertContainsSubset(result["test"].items(), evaluation["scores"].items())

        code, out, _ = command_line.run_forked("validate", "--dataset=folder", f"--data_dir={self.folder}")
        self.assertEqual(code, EXIT_FAILURE)
        self.assertIn("3 images cannot be read:", out)
        for name in ("1/4.jpg", "3/0.jpg", "6/0.jpg"):
            self.assertIn(name, out)
        self.assertIn("folder: not as it should be", out)

    def test_all_classes_are_trained_on(self):
        """8 classes of 6 images, of which one each tests and selects, and one class of a single image."""
        photographs.write(self.home / "more", num_classes=1, per_class=1)
        (self.home / "more" / "0").rename(self.folder / "lone")
        out = self.run_ok("validate", "--dataset=folder", f"--data_dir={self.folder}", "--test_fraction=0")
        self.assertIn("all 9 classes are trained on, so scores will be of seen classes: 8 images held out to", out)
        self.assertIn("1 class of a single image used in training alone", out)
        code, out, err = self.train("--test_fraction=0", constants=DECODED_SIMPLY)
        self.assertEqual(code, 0, err)
        self.assertRegex(out, r"ccp/contrastive, seen classes +\d")
        result = json.loads((self.home / "run" / "result.json").read_text())
        counts = {name: result["data"][name] for name in ("train", "validation", "test")}
        held_out = {"images": 8, "classes": 8}
        self.assertEqual(counts, {"train": {"images": 33, "classes": 9}, "validation": held_out, "test": held_out})
        protocol = "retrieval of 8 held-out images of 8 classes seen in training, in the 33 training images"
        self.assertEqual(result["protocol"]["test"], protocol)
        # Of eight queries, hits are eighths.
        self.assertEqual(result["test"]["precision_at_1"] * 8 % 1, 0)
        out = self.run_ok("evaluate", f"--run_dir={self.home / 'run'}", "--metrics=precision_at_5,map_at_r")
        self.assertRegex(out, r"MAP@R +P@5\n")
        self.assertRegex(out, r"ccp/contrastive, test, seen classes( +\d+\.\d\d){4}\n")

    def test_csv_with_queries_and_gallery(self):
        listing, run = self.folder / "images.csv", self.home / "run"
        with open(listing, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "split", "role", "left", "top", "right", "bottom"])
            for path in self.paths:
                label, number = path.removesuffix(".jpg").split("/")
                split = "train" if int(label) < 5 else "test"
                role = "" if split == "train" else "query" if int(number) < 2 else "gallery"
                writer.writerow([path, f"class {label}", split, role, 5, 5, 55, 35])
        data = ("--dataset=csv", f"--manifest={listing}", f"--data_dir={self.folder}")
        out = self.run_ok("validate", *data)
        self.assertRegex(out, r"query +6 +3 +– +–\n")
        self.assertRegex(out, r"gallery +12 +3 +– +–\n")
        self.assertIn("csv: as it should be", out)
        train = ("train", *data, "--crop_to_box", f"--run_dir={run}", *TRAIN, *PROJECTING)
        self.run_ok(*train)
        before = (run / "result.json").read_text()
        result = json.loads(before)
        self.assertIn("retrieval of 6 queries in a gallery", result["protocol"]["test"])
        # Of six queries, hits are sixths.
        self.assertAlmostEqual(result["test"]["precision_at_1"] * 6 % 1, 0, places=6)
        self.assertTrue(np.isfinite(list(result["test"].values())).all())

        # With one image less, and then all of them in another place.
        lines = listing.read_text()
        listing.write_text(lines[: lines.rindex("\n", 0, -1)] + "\n")
        for arguments in (train, ("evaluate", f"--run_dir={run}")):
            code, _, err = command_line.run_forked(*arguments)
            self.assertEqual(code, EXIT_FAILURE)
            self.assertRegex(err, "holds a run on other images: .*Pass the same data, or another --run_dir")
        listing.write_text(lines)
        self.folder.rename(self.home / "moved")
        self.assertIn("MAP@R", self.run_ok("evaluate", f"--run_dir={run}", f"--data_dir={self.home / 'moved'}"))
        self.assertEqual((run / "result.json").read_text(), before)
