"""The settings of the data. Free of TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ccp.errors import ConfigError
from ccp.settings import check, setting
from datasets.registry import DATA_SETS, DataSet


def _with_data_sets(are_meant: Callable[[DataSet], bool]) -> dict[str, tuple[str, ...]]:
    return {"dataset": tuple(name for name, dataset in DATA_SETS.items() if are_meant(dataset))}


_IN_FILES = _with_data_sets(lambda dataset: dataset.in_files)


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """Which images, and which of the training images are held out to select the model."""

    dataset: str = setting(
        "digits", "data set to train and evaluate on", choices=tuple(DATA_SETS), in_preset=False, essential=True
    )
    data_dir: str = setting(
        "",
        "directory of the data set's files",
        only_with=_with_data_sets(lambda dataset: dataset.in_folder or dataset.own_images),
        may_change=True,
        in_preset=False,
        essential=True,
    )
    manifest: str = setting(
        "",
        "the CSV file that lists the images of the data set csv",
        only_with={"dataset": ("csv",)},
        may_change=True,
        in_preset=False,
    )
    test_fraction: float = setting(
        0.5,
        "fraction of the classes, the last ones, that are for test where the data do not say which are; 0: train on "
        "all classes, and evaluate on other images of them",
        at_least=0,
        below=1,
        only_with={**_with_data_sets(lambda dataset: dataset.own_images), "labels": ("given",)},
    )
    labels: str = setting(
        "given",
        "given: train on the classes of the images; none: without labels, every training image is a class, of which a "
        "batch holds differently augmented views",
        choices=("given", "none"),
        in_preset=False,
    )
    allow_subset: bool = setting(
        False, "accept a data set of which files are missing", only_with=_IN_FILES, may_change=True
    )
    crop_to_box: bool = setting(
        False,
        "use only what is inside the annotated boxes",
        only_with=_with_data_sets(lambda dataset: dataset.has_boxes),
    )
    validation: str = setting(
        "auto",
        "what is held out of the training images to select the model: a fifth of every class's images, the classes of "
        "one of four folds, or the split given with the data set; auto: that, or else images; test: nothing, see "
        "select_on_test",
        choices=("auto", "images", "fold1", "fold2", "fold3", "fold4", "given", "test"),
    )
    select_on_test: bool = setting(
        False, "select the model by its test scores, as earlier papers do; the scores are then optimistic"
    )
    on_bad_image: str = setting(
        "stop",
        "at an image that cannot be read: stop, or skip and count it",
        choices=("stop", "skip"),
        only_with=_IN_FILES,
        may_change=True,
    )
    conventional: bool = setting(
        False,
        "the paper's conventional setting: one model of 512 dimensions, selected by its test scores",
        in_preset=False,
    )
    cache: str = setting(
        "none",
        "keep the preprocessed validation images and reduced copies of large training images for the next epochs, in "
        "memory or on disk",
        choices=("none", "memory", "disk"),
        only_with=_IN_FILES,
        may_change=True,
        in_preset=False,
    )

    def __post_init__(self):
        check(self)
        if self.validation == "test" and not self.select_on_test:
            raise ConfigError(
                "--validation=test selects the model by its test scores, which makes them optimistic. Hold training "
                "images out instead, or pass --select_on_test, too."
            )
