"""Makes the trainings that have no result yet, on both sides, and scores both by both libraries' metrics.

``python -m benchmarks.peers --data_dir=DIR --work_dir=DIR --peer=PYTHON``: PYTHON is the interpreter of an environment
with ``requirements/peers.txt`` (``make setup-peers``). Interrupted, it continues with the same command.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess

import numpy as np
import tensorflow as tf

from benchmarks.peers.exchange import write_exchange
from benchmarks.peers.losses import LOSSES, RESULTS, ROOT, SEEDS, add_arguments
from benchmarks.peers.training import peer_experiment, train
from datasets.files import save_json
from evaluate.embedded import Embedded
from evaluate.metrics.registry import STANDARD


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    given = add_arguments(parser).parse_args()
    RESULTS.mkdir(exist_ok=True)
    for seed in SEEDS:
        for loss in LOSSES:
            path = RESULTS / f"{loss}-seed{seed}.json"
            if not path.exists():
                print(f"{path.stem} …", flush=True)
                save_json(path, compare(given.data_dir, given.work_dir.absolute(), given.peer, loss, seed))


def compare(data_dir: str, work_dir: pathlib.Path, peer: str, loss: str, seed: int) -> dict:
    """Trains one loss on both sides.

    Returns:
      The result that is kept: the losses of the first steps and the test scores of each side, ``ccp`` and ``pml``.
    """
    experiment = peer_experiment(data_dir, loss, seed)
    own = write_exchange(experiment, work_dir)
    losses = {"ccp": train(experiment, own.parent)}
    _peer(peer, "train", own)
    losses["pml"] = np.load(own / "pml_losses.npy").tolist()
    test = experiment.splits.test
    embedded = {
        "ccp": experiment.embed(test),
        "pml": Embedded(np.load(own / "pml_embeddings.npy"), test, np.arange(len(test))),
    }
    np.save(own / "ccp_embeddings.npy", embedded["ccp"].embeddings)
    files = [own / f"{side}_embeddings.npy" for side in embedded]
    lines = _peer(peer, "score", own.parent / "test_labels.npy", *files).splitlines()
    return {
        "loss": loss,
        "seed": seed,
        "steps": len(losses["ccp"]),
        "versions": {"tensorflow": tf.__version__, **json.loads(_peer(peer, "versions"))},
        "first_losses": {side: values[:10] for side, values in losses.items()},
        "scores": {
            side: {name: float(found.result.means[name]) for name in STANDARD} for side, found in embedded.items()
        },
        "scores_by_pml": dict(zip(embedded, map(json.loads, lines))),
    }


def _peer(python: str, *arguments: object) -> str:
    command = [python, "-m", "benchmarks.peers.pml", *map(str, arguments)]
    return subprocess.check_output(command, cwd=ROOT, text=True)


if __name__ == "__main__":
    main()
