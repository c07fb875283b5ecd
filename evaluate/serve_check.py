"""Whether an exported model serves what was trained: tried in a process that knows nothing of this project."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from ccp.errors import UserError
from evaluate import serve_check_process
from evaluate.embed_files import check_output
from evaluate.outputs import save_json
from evaluate.serve_check_images import Trial
from evaluate.serve_check_left_out import advice, coverage, left_out_lines
from evaluate.serve_check_process import TOLERANCE

_SECONDS = 1800


class ServeCheckError(UserError):
    """An exported model does not hold what it promises, or cannot be tried."""


def serve_check(version: str, trial: Trial, output: str | None = None) -> dict[str, Any]:
    """Tries an exported model in an isolated interpreter that has only TensorFlow and NumPy.

    Args:
      version: a version of an exported model; see ``models.serving.versions``.
      trial: the images, and what they should be embedded to.
      output: a JSON file to write what is returned into.

    Returns:
      For JSON: ``model``, ``images``, ``left_out`` (why, by name) and ``advice`` about these, ``size_mb`` on disk,
      ``signatures``, ``load_seconds``, ``memory_mb``, ``latency`` by batch size, ``checks`` (``check``, ``passed`` and
      ``found`` of each), and ``passed``.

    Raises:
      ServeCheckError: it cannot be loaded, or cannot embed what it must.
    """
    if output:
        check_output(output, "--json")
    version = os.path.abspath(version)
    with tempfile.TemporaryDirectory() as folder:
        _hand_over(trial.files, folder)
        _run_apart(version, folder)
        report = json.loads(pathlib.Path(folder, "report.json").read_text())
        embeddings = np.load(os.path.join(folder, "embeddings.npy"))
    refused = report["left_out"]
    if refused and trial.all_of_them:
        name, why = next(iter(refused.items()))
        raise ServeCheckError(f"{version} cannot embed {name}: {why}")
    if trial.expected is not None:
        expected = trial.expected[[name not in refused for name in trial.files]]
        checks = [_comparison(embeddings, expected, trial.reference)]
        if not trial.all_of_them:
            checks.append(coverage(trial.files, refused))
        report["checks"] = [*checks, *report["checks"]]
    report = {
        "model": version,
        "images": trial.source if trial.all_of_them else f"{trial.source}, {len(embeddings)} embedded",
        "size_mb": sum(path.stat().st_size for path in pathlib.Path(version).rglob("*") if path.is_file()) / 2**20,
        **report,
        "left_out": {**trial.left_out, **refused},
        "advice": advice(trial, refused),
        "passed": all(check["passed"] for check in report["checks"]),
    }
    if output:
        save_json(output, report)
    return report


def complaint(report: Mapping[str, Any]) -> str:
    """What an exported model did not pass, in a sentence."""
    failed = [check["check"] for check in report["checks"] if not check["passed"]]
    return f"{report['model']} fails {len(failed)} of {len(report['checks'])} checks: {'; '.join(failed)}."


def check_table(report: Mapping[str, Any]) -> str:
    """What ``serve_check`` found, for a terminal."""
    memory = report["memory_mb"]
    lines = [
        f"model:    {report['model']}, {report['size_mb']:.2f} MB, loaded in {report['load_seconds']:.2f} s",
        f"memory:   {memory['peak']:.0f} MB at most; {memory['imports']:.0f} MB of them before the model was loaded",
        f"images:   {report['images']}",
        *left_out_lines(report["left_out"], report["advice"]),
        "",
    ]
    for name, signature in report["signatures"].items():
        inputs, outputs = (_listed(signature[side]) for side in ("inputs", "outputs"))
        lines.append(f"{name}: {inputs} → {outputs}")
    lines += ["", f"{'batch':<10}{'median':>12}{'95%':>12}{'images/s':>12}"]
    for name, taken in report["latency"].items():
        median, late = (f"{taken[key]:.2f} ms" for key in ("median_ms", "percentile_95_ms"))
        lines.append(f"{name:<10}{median:>12}{late:>12}{taken['images_per_second']:>12.1f}")
    lines += [""]
    width = max(len(check["check"]) for check in report["checks"]) + 2
    lines += [
        f"{'ok' if check['passed'] else 'FAILED':<8}{check['check']:<{width}}{check['found']}"
        for check in report["checks"]
    ]
    return "\n".join(lines)


def _comparison(embeddings: np.ndarray, expected: np.ndarray, reference: str) -> dict[str, Any]:
    found = f"{list(embeddings.shape)}, expected {list(expected.shape)}"
    passed = embeddings.shape == expected.shape
    if passed:
        difference = float(np.abs(embeddings - expected).max())
        passed, found = bool(difference <= TOLERANCE), f"largest difference {difference:.1e}"
    return {"check": f"equals {reference}", "passed": passed, "found": found}


def _hand_over(files: Mapping[str, bytes], folder: str) -> None:
    names, contents = (np.array(values, object) for values in (list(files), list(files.values())))
    try:
        np.savez(os.path.join(folder, "given.npz"), names=names, files=contents)
    except OSError as error:
        raise ServeCheckError(
            f"{folder} cannot hold what is to be tried ({error.strerror or error}); free some space, or set TMPDIR."
        ) from error


def _run_apart(version: str, folder: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        done = _ended(version, folder, environment)
    except subprocess.TimeoutExpired as error:
        raise ServeCheckError(
            f"{version} is not through its checks after {_SECONDS // 60} minutes, so they were stopped. Pass --images, "
            "fewer or smaller ones, or look at what else the machine is doing."
        ) from error
    if done.returncode:
        raise ServeCheckError(f"{version} cannot be tried: {_last_words(done)}")


def _ended(version: str, folder: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess:
    # Isolated (-I): neither the script's directory, nor the working directory, nor PYTHONPATH is on its path.
    return subprocess.run(
        [sys.executable, "-I", "-W", "ignore", serve_check_process.__file__, version, folder],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def _last_words(done: subprocess.CompletedProcess) -> str:
    said = done.stderr.strip().splitlines()[-1:]
    if done.returncode >= 0:
        return (said or [f"its process ended with exit code {done.returncode}"])[0]
    try:
        name = signal.Signals(-done.returncode).name
    except ValueError:  # Those between SIGRTMIN and SIGRTMAX have no names.
        name = f"signal {-done.returncode}"
    why = f"its process was ended by {name}"
    if name == "SIGKILL":
        why += ", as the system does when memory runs out; free some, or try smaller images"
    return f"{why}. Its last words: {said[0]}" if said else why


def _listed(specs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {spec}" for name, spec in specs.items())
