"""A training step and an evaluation by two interpreters in turn: ``python -m benchmarks.stacks PYTHON PYTHON``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import numpy as np
import tensorflow as tf

from benchmarks.sizes import CUB
from benchmarks.timing import ratio, take_turns
from benchmarks.training_step import EMBEDDING_BATCH, IMAGE_SIZE, images, step_of, step_trainer
from ccp.training.retrieval_scores import retrieval_scores
from evaluate.embedding import Embedder

PROCESSES = 6
CALLS = 20
EVALUATED = 1024
LOSS = "ccp/contrastive"


def measure() -> dict[str, list[float]]:
    """Median seconds, as they pass and of the processor, of a step and of an evaluation, in this process."""
    trainer = step_trainer(LOSS, IMAGE_SIZE)
    embedder, pool = Embedder(trainer.model), images(EVALUATED, IMAGE_SIZE)
    batches = [pool[start : start + EMBEDDING_BATCH] for start in range(0, EVALUATED, EMBEDDING_BATCH)]
    labels = np.arange(EVALUATED) % CUB.num_classes

    def evaluation():
        retrieval_scores(np.asarray(embedder.raw(batches)), labels)

    times = take_turns({"step": step_of(trainer), "evaluation": evaluation}, CALLS)
    return {name: [float(np.median(one.wall)), float(np.median(one.processor))] for name, one in times.items()}


def compare(pythons: list[str]) -> str:
    """A table of the last interpreter's times over the first one's; processes take turns."""
    found: dict[str, list[dict]] = {python: [] for python in pythons}
    for turn in range(PROCESSES):
        for python in pythons if turn % 2 == 0 else reversed(pythons):
            command = [python, "-W", "ignore", "-m", "benchmarks.stacks"]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
            found[python].append(json.loads(output.splitlines()[-1]))
    lines = []
    for name in ("step", "evaluation"):
        for place, kind in enumerate(("time", "processor time")):
            first, last = (
                np.array([one[name][place] for one in found[python]]) for python in (pythons[0], pythons[-1])
            )
            compared = ratio(last, first)
            lines.append(f"{name}, {kind}: {compared.median:.2f} ({compared.low:.2f} – {compared.high:.2f})")
    return "\n".join([f"{found[python][0]['tensorflow']}: {python}" for python in pythons] + lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stacks", description=__doc__)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="interpreters; without any, this one is measured")
    pythons = parser.parse_args(sys.argv[1:]).pythons
    print(compare(pythons) if pythons else json.dumps({"tensorflow": tf.__version__, **measure()}))


if __name__ == "__main__":
    main()
