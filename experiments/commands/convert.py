"""main.py convert."""

from __future__ import annotations

from absl.flags import FlagValues

from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing


def convert(values: FlagValues) -> int:
    """Converts the PyTorch checkpoint of BN-Inception to a file for --weights."""
    from models.weights.pytorch_checkpoint import convert_bn_inception

    left_out = convert_bn_inception(values.checkpoint, values.weights)
    print(listing([("weights", values.weights), *(("left out", name) for name in left_out)]))
    return 0


COMMAND = Command(
    "convert the PyTorch checkpoint of BN-Inception to a file for --weights",
    convert,
    [
        Flag("checkpoint", "the PyTorch checkpoint of BN-Inception", required=True),
        Flag("weights", "the .h5 file to write", required=True),
    ],
)
