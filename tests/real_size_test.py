"""The real thing for two steps: BN-Inception at 227 × 227, batches of 32, C2-CCP with 100 classes × 8 proxies.

Prints seconds and peak memory (``pytest -s``); asserts that it runs, projects, and stays within the memory of a small
machine.
"""

import json
import resource
import time

import pytest
import tensorflow as tf

from tests.support import command_line
from tests.support.pictures import folder_for, photograph

CLASSES = 100
IMAGES_PER_CLASS = {"train": 2, "val": 2, "test": 2}
MOST_MEGABYTES = 6000


@pytest.mark.real_size
class RealSizeTest(tf.test.TestCase):
    def test_two_steps_and_a_projection(self):
        home = folder_for(self)
        parts = ["train"] * CLASSES + ["val", "val", "test", "test"]
        for label, part in enumerate(parts):
            folder = home / "images" / part / f"class{label}"
            folder.mkdir(parents=True)
            for index in range(IMAGES_PER_CLASS[part]):
                left, top = (37 * label + 11 * index) % 320, (13 * label + 29 * index) % 160
                photograph().crop((left, top, left + 320, top + 260)).save(folder / f"{index}.jpg")

        start = time.monotonic()
        code, out, err = command_line.run(
            "train",
            "--dataset=folder",
            f"--data_dir={home / 'images'}",
            f"--run_dir={home / 'run'}",
            "--backbone=bn_inception",
            "--weights=none",
            "--loss=ccp/contrastive",
            "--classes_per_batch=16",
            "--examples_per_class=2",
            "--proxies_per_class=8",
            "--pool_size=8",
            "--steps_per_epoch=1",
            "--max_epochs=2",
            "--projection=period",
            "--projection_period=1",
        )
        seconds = time.monotonic() - start
        self.assertEqual(code, 0, err)
        megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
        print(
            f"\ntwo steps, two pools of {CLASSES} × 8 and validations: {seconds:.0f} s, peak {megabytes:.0f} MB\n{out}"
        )

        result = json.loads((home / "run" / "result.json").read_text())
        settings = json.loads((home / "run" / "settings.json").read_text())
        self.assertEqual((result["epochs"], result["projections"]), (2, 1))
        self.assertEqual(result["data"]["train"]["classes"], CLASSES)
        self.assertEqual((settings["embedding_size"], settings["freeze_bn"]), (128, True))
        self.assertLess(megabytes, MOST_MEGABYTES)


if __name__ == "__main__":
    tf.test.main()
