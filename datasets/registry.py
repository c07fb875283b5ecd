"""Every data set by name. Light: its module is imported when the data set is read."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ccp.registry import Registry

if TYPE_CHECKING:
    from datasets.manifest import Counts


class DataSet(NamedTuple):
    """How a data set is read. Its module also says what it should hold, as ``EXPECTED``.

    Attributes:
      reader: ``module:function`` that maps the ``DataSettings`` to a ``Manifest`` of the annotations as they are.
      in_folder: whether ``data_dir`` says where its files are.
      in_files: whether each image is a file of its own, which may be missing, large or damaged.
      has_boxes: whether it may have annotated boxes.
      own_images: whether it is of the user's own images, which ``test_fraction`` may divide.
    """

    reader: str
    in_folder: bool = False
    in_files: bool = False
    has_boxes: bool = False
    own_images: bool = False

    @property
    def expected(self) -> Mapping[str, Counts]:
        """Images and classes by split; empty where anything goes."""
        return getattr(importlib.import_module(self.reader.partition(":")[0]), "EXPECTED", {})


DATA_SETS: Registry[DataSet] = Registry(
    "data set",
    {
        "digits": DataSet("datasets.benchmarks.digits:load"),
        "omniglot": DataSet("datasets.benchmarks.omniglot:load", in_folder=True),
        "mnist": DataSet("datasets.benchmarks.mnist:load"),
        "cifar10": DataSet("datasets.benchmarks.cifar10:load"),
        "cifar100": DataSet("datasets.benchmarks.cifar100:load"),
        "cub": DataSet("datasets.benchmarks.cub:load", True, True, has_boxes=True),
        "cars196": DataSet("datasets.benchmarks.cars196:load", True, True, has_boxes=True),
        "sop": DataSet("datasets.benchmarks.sop:load", True, True),
        "inshop": DataSet("datasets.benchmarks.inshop:load", True, True, has_boxes=True),
        "folder": DataSet("datasets.own_images.folder:load", in_folder=True, in_files=True, own_images=True),
        "csv": DataSet("datasets.own_images.csv_file:load", in_files=True, has_boxes=True, own_images=True),
    },
)
