"""Evaluation images here and by torchvision: ``python -m benchmarks.torchvision_images PYTHON``.

PYTHON is an interpreter that has torchvision. Both sides load the same files one by one in one thread, in processes
that take turns: open, turn to RGB, shorter side to 256, centre crop of 224, floats.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

SIZE, RESIZE = 224, 256
PROCESSES, PASSES = 6, 5
KINDS = {"natural": 16, "telephone": 8}  # Number of photographs.


def _ours(folder: pathlib.Path) -> Callable[[str], object]:
    import tensorflow as tf

    from datasets.images.decoding import open_image
    from datasets.input.formats import ImageFormat
    from datasets.input.preprocessing import evaluation_image

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    image_format = ImageFormat(size=SIZE, resize=RESIZE, channels=3)

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def load(name):
        return evaluation_image(open_image(tf.io.read_file(name)), image_format)

    return lambda name: load(str(folder / name))


def _torchvision(folder: pathlib.Path) -> Callable[[str], object]:
    import torch
    from torchvision import transforms
    from torchvision.datasets.folder import default_loader

    torch.set_num_threads(1)
    steps = [transforms.Resize(RESIZE), transforms.CenterCrop(SIZE), transforms.ToTensor()]
    transform = transforms.Compose(steps)
    return lambda name: transform(default_loader(str(folder / name)))


SIDES = {"ours": _ours, "torchvision": _torchvision}


def measure(side: str, folder: pathlib.Path) -> float:
    """Processor seconds of an image, the median of some passes over a directory."""
    load, names = SIDES[side](folder), sorted(path.name for path in folder.iterdir())
    times = []
    for _ in range(1 + PASSES):
        start = time.process_time()
        for name in names:
            load(name)
        times.append((time.process_time() - start) / len(names))
    return sorted(times[1:])[PASSES // 2]  # The first pass traces and fills caches.


def compare(python: str) -> None:
    """Prints how many times as many images a second are loaded here."""
    import numpy as np

    from benchmarks.photographs import write_photographs, write_telephone_photographs

    writers = {"natural": write_photographs, "telephone": write_telephone_photographs}
    interpreters = {"ours": sys.executable, "torchvision": python}
    for kind, count in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            writers[kind](pathlib.Path(folder), count)
            found: dict[str, list[float]] = {side: [] for side in SIDES}
            for turn in range(PROCESSES):
                for side in sorted(SIDES, reverse=turn % 2 == 1):
                    command = [interpreters[side], "-W", "ignore", "-m", "benchmarks.torchvision_images"]
                    command += [f"--measure={side}", f"--folder={folder}"]
                    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                    found[side].append(json.loads(done.stdout.splitlines()[-1]))
        times = np.array(found["torchvision"]) / np.array(found["ours"])
        low, median, high = np.percentile(times, [25, 50, 75])
        print(
            f"{kind}: {median:.2f} × torchvision's images per second ({low:.2f} – {high:.2f}), one thread", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torchvision_images", description=__doc__)
    parser.add_argument("python", nargs="?", help="an interpreter that has torchvision")
    parser.add_argument("--measure", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.folder)))
    elif given.python:
        compare(given.python)
    else:
        parser.error("name an interpreter that has torchvision")


if __name__ == "__main__":
    main()
