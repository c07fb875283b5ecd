"""How many of the labels that are wrong on purpose ``main.py mislabelled`` finds: letters, in ``typefaces``.

``python -m benchmarks.mislabelled --work_dir=DIR [--flipped=0.1]`` trains with a share of the training labels
replaced by another class each, and compares the list with them.
"""

from __future__ import annotations

import argparse
import csv
import os
import pathlib

import numpy as np
from PIL import Image

from datasets.benchmarks import typefaces
from datasets.manifest import TRAIN
from datasets.settings import DataSettings
from experiments.mislabelled import Suspects, find_suspects, write_suspects
from experiments.presets import preset_settings
from experiments.restored import restore_run
from experiments.small_settings import small_settings
from experiments.train import train_run

_TRAINING = {
    "loss": "arcface",
    "proxies_per_class": 3,
    "proxy_rate_multiplier": 100.0,  # As the paper trains proxy losses.
    "validation": "images",  # Of all training classes.
    "max_epochs": 60,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mislabelled", description=__doc__.split("\n")[0])
    parser.add_argument("--work_dir", type=pathlib.Path, required=True, help="takes the images and the run")
    parser.add_argument("--flipped", type=float, default=0.1, help="share of wrong training labels")
    parser.add_argument("--angle", type=float, default=75.0, help="as main.py mislabelled's")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    wrong = write_letters(given.work_dir, given.flipped, given.seed)
    data = {"dataset": "csv", "manifest": str(given.work_dir / "letters.csv"), "seed": given.seed}
    run_dir = given.work_dir / "run"
    train_run(preset_settings(**{**small_settings("typefaces"), **data, **_TRAINING}), run_dir, "wrong labels")
    found = find_suspects(restore_run(run_dir), given.angle)
    write_suspects(found, run_dir)
    print(scores(found, wrong))


def write_letters(folder: pathlib.Path, share: float, seed: int) -> set[str]:
    """Writes the images and their list ``letters.csv``; returns the names of those whose label is wrong."""
    manifest = typefaces.load(DataSettings(dataset="typefaces"))
    random, labels = np.random.default_rng(seed), manifest.labels.copy()
    trained = np.flatnonzero(manifest.splits == TRAIN)
    flipped = random.choice(trained, round(share * len(trained)), replace=False)
    num_classes = len(np.unique(labels[trained]))
    # The training classes come first: another one of them is some places further in a circle.
    labels[flipped] = (labels[flipped] + random.integers(1, num_classes, len(flipped))) % num_classes
    names = [f"images/{str(path).replace('/', '_')}.png" for path in manifest.paths]
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with open(folder / "letters.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split"])
        for name, pixels, label, split in zip(names, manifest.pixels, labels, manifest.splits):
            Image.fromarray(pixels[..., 0]).save(folder / name)
            writer.writerow([name, manifest.class_names[label], split])
    return {os.path.abspath(folder / names[place]) for place in flipped}


def scores(found: Suspects, wrong: set[str]) -> str:
    """Recall and precision of the list, and of the first of it, of as many as are wrong."""
    names = [found.training.name(place) for place in range(len(found.training))]
    is_wrong = np.array([name in wrong for name in names])
    hits = is_wrong[found.places]
    count = int(is_wrong.sum())
    lines = [f"{count} of {len(names)} training images have a wrong label."]
    for what, part in (("listed", hits), ("first of the list", hits[:count])):
        lines.append(f"{len(part)} {what}: recall {part.sum() / count:.3f}, precision {part.mean():.3f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
