"""The wheel: ``ccp`` alone, which works outside of the checkout."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.command_line import ROOT

_SCRIPT = """
import pathlib, sys
import numpy as np
import tensorflow as tf
import ccp

assert pathlib.Path(ccp.__file__).parent.parent == pathlib.Path(sys.argv[1]), ccp.__file__
images, labels = np.random.default_rng(0).normal(size=(8, 4)).astype("float32"), np.repeat([0, 1], 4)
network = tf.keras.Sequential([tf.keras.layers.Dense(3)])
trainer = ccp.Trainer(
    network,
    ccp.CCPLoss(ccp.ContrastiveLoss(), ccp.ClassProxies(2, 2, 3)),
    batches=ccp.balanced_batches(images, labels, classes=2, per_class=2),
    validate=(images, labels),
    loop=ccp.LoopSettings(steps_per_epoch=1, max_epochs=1),
)
print(trainer.fit().best_score)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> pathlib.Path:
    """Where the wheel is installed, and nothing else."""
    home = tmp_path_factory.mktemp("wheel")
    # A copy, since building leaves files beside its sources.
    shutil.copytree(ROOT / "ccp", home / "source" / "ccp", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "datasets", home / "source" / "datasets", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, home / "source")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", f"--wheel-dir={home}", str(home / "source"))
    (wheel,) = home.glob("ccp-*.whl")
    _pip("install", "--no-deps", "--no-index", f"--target={home / 'site'}", str(wheel))
    return home / "site"


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


def test_it_holds_ccp_alone_and_all_of_it(site):
    assert {path.name.partition("-")[0] for path in site.iterdir()} == {"ccp"}
    modules = {path.relative_to(ROOT) for path in (ROOT / "ccp").rglob("*.py")}
    assert {path.relative_to(site) for path in (site / "ccp").rglob("*.py")} == modules


def test_it_trains_elsewhere(site, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(site), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, str(script), str(site)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert 0 <= float(done.stdout) <= 1
    assert re.search(r"training: epoch 1/1, loss \d\.\d+, map_at_r \d\.\d+", done.stderr)


def test_what_it_needs_is_what_is_tested(site):
    (metadata,) = site.glob("*.dist-info/METADATA")
    needed = re.findall(r"^Requires-Dist: ([\w-]+)", metadata.read_text(), re.MULTILINE)
    assert set(needed) == {"tensorflow", "numpy", "tqdm", "tensorflow-addons"}
    tested = (ROOT / "requirements" / "base.txt").read_text()
    assert all(re.search(rf"^{name}\b", tested, re.MULTILINE) for name in needed)
