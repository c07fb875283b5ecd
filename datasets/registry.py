"""Every data set by name. Free of TensorFlow: a module is imported when its data set is read."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ccp.registry import Registry

if TYPE_CHECKING:
    from datasets.manifest import Counts, Manifest
    from datasets.settings import DataSettings


class DataSet(NamedTuple):
    """A data set: one module with a function and, where the counts are published, a constant.

    ``load(settings: DataSettings) -> Manifest`` reads the annotations as they are; ``EXPECTED`` maps each split to the
    ``Counts`` of its images and classes.

    Attributes:
      module: its name.
      in_folder: whether ``data_dir`` names its directory.
      in_files: whether each image is a separate file, which may be missing, large or damaged.
      has_boxes: whether it may have annotated boxes.
      own_images: whether it holds the user's own images, which ``test_fraction`` may divide.
    """

    module: str
    in_folder: bool = False
    in_files: bool = False
    has_boxes: bool = False
    own_images: bool = False

    def load(self, settings: DataSettings) -> Manifest:
        """The manifest, not checked."""
        return importlib.import_module(self.module).load(settings)

    @property
    def expected(self) -> Mapping[str, Counts]:
        """Images and classes by split; empty where no counts are published."""
        return getattr(importlib.import_module(self.module), "EXPECTED", {})


DATA_SETS: Registry[DataSet] = Registry(
    "data set",
    {
        "digits": DataSet("datasets.benchmarks.digits"),
        "typefaces": DataSet("datasets.benchmarks.typefaces"),
        "omniglot": DataSet("datasets.benchmarks.omniglot", in_folder=True),
        "mnist": DataSet("datasets.benchmarks.mnist"),
        "cifar10": DataSet("datasets.benchmarks.cifar10"),
        "cifar100": DataSet("datasets.benchmarks.cifar100"),
        "cub": DataSet("datasets.benchmarks.cub", in_folder=True, in_files=True, has_boxes=True),
        "cars196": DataSet("datasets.benchmarks.cars196", in_folder=True, in_files=True, has_boxes=True),
        "sop": DataSet("datasets.benchmarks.sop", in_folder=True, in_files=True),
        "inshop": DataSet("datasets.benchmarks.inshop", in_folder=True, in_files=True, has_boxes=True),
        "grocery": DataSet("datasets.benchmarks.grocery", in_folder=True, in_files=True),
        "folder": DataSet("datasets.own_images.folder", in_folder=True, in_files=True, own_images=True),
        "csv": DataSet("datasets.own_images.csv_file", in_files=True, has_boxes=True, own_images=True),
    },
)
