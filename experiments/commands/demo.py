"""main.py demo."""

from __future__ import annotations

import os

from absl.flags import FlagValues

from ccp.errors import ConfigError
from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command


def demo(values: FlagValues) -> int:
    """Runs the whole method on a data set that needs no download."""
    seeds = list(dict.fromkeys(int(seed) for seed in values.seeds if seed.isdecimal()))
    if not seeds or len(seeds) < len(values.seeds):
        raise ConfigError(f"--seeds must be different whole numbers between commas; got {','.join(values.seeds)}.")
    from experiments.demo import run_demo
    from experiments.stopping import until_stopped

    with until_stopped() as stop:
        table = run_demo(values.output_dir, values.dataset, seeds, stop)
    print(table)
    return 0


COMMAND = Command(
    "run everything on letters in 16 typefaces, in about two minutes",
    demo,
    [
        Flag("dataset", "letters in typefaces, or handwritten digits", "typefaces", choices=("typefaces", "digits")),
        Flag("output_dir", "where to keep runs, figures and model", os.path.join("runs", "demo")),
        Flag("seeds", "seeds to train with, separated by commas", ["0"]),
    ],
)
