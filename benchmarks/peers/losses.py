"""What is compared, and where everything is. Free of TensorFlow."""

from __future__ import annotations

import argparse
import pathlib

LOSSES = ("contrastive", "triplet", "multi_similarity", "proxy_anchor")
SEEDS = (0, 1, 2)
ROOT = pathlib.Path(__file__).parents[2]
RESULTS = pathlib.Path(__file__).parent / "results"


def add_arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Adds where data, intermediate files and the other environment are."""
    parser.add_argument("--data_dir", required=True, help="holds Omniglot's two small zips")
    parser.add_argument("--work_dir", required=True, type=pathlib.Path, help="takes images and embeddings, 0.2 GB")
    parser.add_argument("--peer", default=".venv-peers/bin/python", help="the other environment's interpreter")
    return parser
