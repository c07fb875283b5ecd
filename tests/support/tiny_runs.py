"""Small real runs, trained once for all tests of a process."""

from __future__ import annotations

import atexit
import functools
import pathlib
import shutil
import tempfile

import numpy as np
from PIL import Image

from experiments.presets import preset
from experiments.report import write_report
from experiments.settings import configure
from experiments.train import train_run
from tests.support.pictures import photograph

# What HTML, matplotlib and tables of tab-separated values each take for something else than letters.
AWKWARD_NAMES = (
    *("<img src=nowhere>&amp;", '\'"quoted"', "$x^2", "$y$ \\frac", "_hidden", "漢字", "tab\tted"),
    f"l{'o' * 150}ng",
)
_SMALL = {
    "width": 4,
    "embedding_size": 8,
    "image_size": 16,
    "learning_rate": 1e-3,
    "classes_per_batch": 3,
    "examples_per_class": 2,
    "steps_per_epoch": 2,
    "max_epochs": 2,
}
_PROJECTING = {"projection": "period", "projection_period": 1, "proxies_per_class": 2, "pool_size": 3}


# One step of a training on tests.support.photographs, for protocols of many trainings.
ONE_STEP = {
    "dataset": "folder",
    "loss": "contrastive",
    "image_size": 12,
    "width": 4,
    "embedding_size": 3,
    "classes_per_batch": 3,
    "steps_per_epoch": 1,
    "max_epochs": 1,
    "learning_rate": 1e-2,
    "seed": 5,
}


@functools.cache
def home() -> pathlib.Path:
    """A folder that goes with the process."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return pathlib.Path(folder)


@functools.cache
def digits(loss: str, seed: int = 0) -> str:
    """The directory of a finished run on digits; CCP projects once."""
    projecting = _PROJECTING if loss.startswith("ccp/") else {}
    given = {**_SMALL, **projecting, "dataset": "digits", "loss": loss, "seed": seed}
    run_dir = home() / f"digits-{loss.replace('/', '-')}-{seed}"
    train_run(configure(preset(given), given), str(run_dir), loss, on_board=False)
    return str(run_dir)


@functools.cache
def photographs() -> str:
    """The directory of a finished run with proxies on a folder of photographs whose classes have awkward names."""
    run_dir = home() / "photographs"
    given = {**_SMALL, "dataset": "folder", "data_dir": _folder(), "loss": "proxy/contrastive", "proxies_per_class": 2}
    train_run(configure(preset(given), given), str(run_dir), "photographs")
    return str(run_dir)


@functools.cache
def page(*runs: str, tsne: bool = False) -> pathlib.Path:
    """The report of some of these runs."""
    return write_report(runs, str(home() / f"report{page.cache_info().misses}.html"), tsne=tsne)


def _folder() -> str:
    """Four classes to train on and four to judge on, of ten images each, every one a piece of a photograph."""
    folder = home() / "folder"
    whole = np.asarray(photograph())
    for number, name in enumerate(AWKWARD_NAMES):
        directory = folder / ("train" if number % 2 else "test") / name
        directory.mkdir(parents=True)
        for place in range(10):
            top, left = 40 * number, 60 * place
            Image.fromarray(whole[top : top + 30, left : left + 30 + number]).save(directory / f"{place}.png")
    return str(folder)
