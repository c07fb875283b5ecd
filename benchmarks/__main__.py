"""Runs every suite and prints one table: ``python -m benchmarks [--output=FILE]``."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import pathlib
import time

from benchmarks.backbones import BackbonesBenchmark
from benchmarks.communication import CommunicationBenchmark
from benchmarks.figures import table
from benchmarks.gradient_passes import GradientPassesBenchmark
from benchmarks.input_pipeline import InputPipelineBenchmark
from benchmarks.k_center import KCenterBenchmark
from benchmarks.losses import LossesBenchmark
from benchmarks.retrieval import RetrievalBenchmark
from benchmarks.sampled_classes import SampledClassesBenchmark
from benchmarks.training_step import TrainingStepBenchmark

SUITES = (
    LossesBenchmark,
    SampledClassesBenchmark,
    TrainingStepBenchmark,
    GradientPassesBenchmark,
    BackbonesBenchmark,
    CommunicationBenchmark,
    KCenterBenchmark,
    InputPipelineBenchmark,
    RetrievalBenchmark,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed and memory, as ratios.")
    parser.add_argument("--output", type=pathlib.Path, metavar="FILE", help="write the figures there as JSON too")
    output = parser.parse_args().output

    figures, start = [], time.monotonic()
    for suite in SUITES:
        print(f"{suite.__module__} …", flush=True)
        with contextlib.redirect_stdout(io.StringIO()):  # Where TensorFlow prints a record of every figure.
            figures += suite().run_all()
    print(f"\n{table(figures)}\n\n{time.monotonic() - start:.0f} s")
    if output is not None:
        output.write_text(json.dumps([figure._asdict() for figure in figures], indent=2) + "\n")


if __name__ == "__main__":
    main()
