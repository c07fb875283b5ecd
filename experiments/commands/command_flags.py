"""The flags of each command. Free of TensorFlow."""

from __future__ import annotations

import os

from absl import flags

from experiments.commands.setting_flags import DATA_FLAGS, define_settings


def train(values: flags.FlagValues) -> None:
    """The flags of main.py train."""
    _training_flags(values)
    flags.DEFINE_integer(
        "repeat", None, "the whole protocol so often: four folds as main.py mlrc, or --conventional", flag_values=values
    )


def mlrc(values: flags.FlagValues) -> None:
    """The flags of main.py mlrc: as train, and how often."""
    _training_flags(values)
    flags.DEFINE_integer("repeats", 3, "trainings of each fold (default: 3)", flag_values=values)


def convert(values: flags.FlagValues) -> None:
    """The flags of main.py convert."""
    flags.DEFINE_string("checkpoint", None, "the PyTorch checkpoint of BN-Inception (needed)", values)
    flags.DEFINE_string("weights", None, "the .h5 file to write (needed)", values)


def _training_flags(values: flags.FlagValues) -> None:
    define_settings(values)
    flags.DEFINE_string(
        "run_dir", None, "the run's directory (default: runs/ and a name made of data set, loss and seed)", values
    )


def _run_flag(values: flags.FlagValues) -> None:
    flags.DEFINE_string("run_dir", None, "directory of the run (needed)", values)
    _data_flags(values)


def _data_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("data_dir", None, "where the data set's files are, if they have moved since", values)
    flags.DEFINE_enum(
        "on_bad_image", None, ["stop", "skip"], "at an image that cannot be read (default: as the run does)", values
    )


def evaluate(values: flags.FlagValues) -> None:
    """The flags of main.py evaluate."""
    _run_flag(values)
    flags.DEFINE_enum("part", "test", ["test", "validation"], "which images to judge on (default: test)", values)
    flags.DEFINE_bool("clustering", False, "also cluster the embeddings, for NMI and AMI (slow for large sets)", values)


def export(values: flags.FlagValues) -> None:
    """The flags of main.py export."""
    flags.DEFINE_string("run_dir", None, "directory of a run, or of main.py mlrc: its four folds as one model", values)
    flags.DEFINE_string("model", None, "instead of a run: an exported model that gets another --gallery", values)
    flags.DEFINE_string("export_dir", None, "directory to write a numbered version into (needed)", values)
    flags.DEFINE_integer("version", None, "its number (default: the one after the newest, or 1)", flag_values=values)
    flags.DEFINE_string(
        "gallery", None, "directory of images, perhaps in class folders, to be searched by signature 'search'", values
    )
    flags.DEFINE_bool(
        "without_gallery", False, "write a version without 'search' after one that has it", flag_values=values
    )
    flags.DEFINE_integer("repeat", 1, "of main.py mlrc: which repeat, from 1 on (default: 1)", flag_values=values)
    _data_flags(values)


def embed(values: flags.FlagValues) -> None:
    """The flags of main.py embed."""
    flags.DEFINE_string("model", None, "directory of the exported model (needed)", values)
    flags.DEFINE_string("images", None, "directory, searched in depth, or pattern of image files (needed)", values)
    flags.DEFINE_string("output", None, "the .npz file to write (needed)", values)
    _on_error_flag(values)


def prepare(values: flags.FlagValues) -> None:
    """The flags of main.py prepare."""
    flags.DEFINE_string("dataset", None, "cub, cars196, sop or inshop (needed)", values)
    flags.DEFINE_string("data_dir", None, "where to put the data set (needed)", values)
    flags.DEFINE_list("archive", None, "the archive where you have it, or several between commas", values)
    flags.DEFINE_list("url", None, "where to download it from, or several between commas", values)
    flags.DEFINE_bool("any_checksum", False, "take an archive whose checksum is not the published one", values)


def validate(values: flags.FlagValues) -> None:
    """The flags of main.py validate."""
    define_settings(values, DATA_FLAGS)
    flags.DEFINE_bool("images", True, "read every image too (default: true)", values)


def _on_error_flag(values: flags.FlagValues) -> None:
    flags.DEFINE_enum(
        "on_error",
        "stop",
        ["stop", "skip"],
        "at an image that cannot be read: stop, or skip and report (default: stop)",
        values,
    )


def search(values: flags.FlagValues) -> None:
    """The flags of main.py search."""
    flags.DEFINE_string("model", None, "directory of the exported model (needed)", values)
    flags.DEFINE_string("gallery", None, "directory or pattern of the images to search (needed)", values)
    flags.DEFINE_string("query", None, "an image, or a directory or pattern of them, to search for (needed)", values)
    flags.DEFINE_integer("top", 10, "how many to find (default: 10)", flag_values=values)
    flags.DEFINE_string("output", None, "a PNG file to draw the answers into", values)
    flags.DEFINE_string("index", None, "the .npz file to keep the gallery's embeddings in (default: beside it)", values)
    flags.DEFINE_enum("engine", "exact", ["exact", "faiss"], "how to search (default: exact)", values)
    _on_error_flag(values)


def report(values: flags.FlagValues) -> None:
    """The flags of main.py report."""
    flags.DEFINE_string("output", None, "the page, or its directory (default: report/ in the first run)", values)
    flags.DEFINE_string("data_dir", None, "where the data set's files are, if they have moved since", values)
    flags.DEFINE_bool("tsne", False, "draw embeddings by t-SNE, not their principal components", values)


def compare(values: flags.FlagValues) -> None:
    """The flags of main.py compare."""
    flags.DEFINE_enum("format", "text", ["text", "csv", "latex"], "how to write the table (default: text)", values)


def demo(values: flags.FlagValues) -> None:
    """The flags of main.py demo."""
    flags.DEFINE_string("run_dir", os.path.join("runs", "demo"), "where to keep it all (default: runs/demo)", values)
    flags.DEFINE_list("seeds", ["0"], "seeds to run, separated by commas (default: 0)", values)
