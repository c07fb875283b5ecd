"""What is held out of the training side to select the model."""

from __future__ import annotations

import numpy as np

from ccp.sampling import members_by_class
from datasets.examples import Splits, part
from datasets.manifest import TEST, TRAIN, VALIDATION, DataError, Manifest

NUM_FOLDS = 4
HELD_OUT_FRACTION = 0.2


def split(
    manifest: Manifest, validation: str, seed: int, crop_to_box: bool = False, select_on_test: bool = False
) -> Splits:
    """Takes a data set apart into what trains, what selects the model, and what judges.

    Args:
      manifest: of the data set, checked.
      validation: ``images`` holds out a fifth of every training class's images; ``fold1`` … ``fold4`` hold out
        the classes of a quarter, as in the 4-fold protocol (MLRC); ``given`` takes the data set's own validation
        part; ``auto`` takes that where there is one, and otherwise images; ``test`` holds nothing out.
      seed: of the choice of images.
      crop_to_box: see only what is inside the annotated boxes.
      select_on_test: the test part selects the model too, and what was held out is left unused.

    Raises:
      DataError: a part is empty, or too small to be judged on.
    """
    if select_on_test:
        train = part(manifest, TRAIN, crop_to_box)
        if validation not in ("auto", "test"):
            train = split(manifest, validation, seed, crop_to_box).train
        test = part(manifest, TEST, crop_to_box)
        return Splits(train, test, test, "the test set itself, as --select_on_test asks (the scores are optimistic)")
    brings_its_own = bool((manifest.splits == VALIDATION).any())
    if validation == "auto":
        validation = "given" if brings_its_own else "images"
    if brings_its_own and validation != "given":
        raise DataError(
            f"{manifest.name} brings its own validation images, and --validation={validation} would hold out others "
            "and leave those unused. Leave --validation out."
        )
    train_side, test = part(manifest, TRAIN, crop_to_box), part(manifest, TEST, crop_to_box)
    if validation == "given":
        return Splits(train_side, part(manifest, VALIDATION, crop_to_box), test, "its own validation part")
    if validation == "images":
        held_out = held_out_images(train_side.labels, HELD_OUT_FRACTION, seed)
        return Splits(
            train_side.subset(np.flatnonzero(~held_out)),
            train_side.subset(np.flatnonzero(held_out)),
            test,
            f"{HELD_OUT_FRACTION:.0%} of each training class's images, at least 2 of it ({held_out.mean():.0%} in all)",
        )
    fold = int(validation[len("fold") :])
    train_classes, held_out_classes = fold_classes(train_side.num_classes, fold)
    if len(held_out_classes) < 2:
        raise DataError(
            f"Fold {fold} of {train_side.num_classes} classes holds out {len(held_out_classes)}: retrieval among one "
            "class is always perfect. Use --validation=images; four folds need at least 8 training classes."
        )
    return Splits(
        train_side.of_classes(train_classes),
        train_side.of_classes(held_out_classes),
        test,
        f"classes of quarter {NUM_FOLDS - fold + 1} of {NUM_FOLDS} of the training classes",
    )


def fold_classes(num_classes: int, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation classes of a fold, in label order.

    The classes are cut in 4 at floor(linspace(0, num_classes, 5)); fold f (1 … 4) validates on quarter
    4 − f, counted from 0.

    Raises:
      DataError: there are fewer than 4 classes, or no such fold.
    """
    if not 1 <= fold <= NUM_FOLDS or num_classes < NUM_FOLDS:
        raise DataError(f"Fold {fold} of {num_classes} classes: needs a fold from 1 to 4 and at least 4 classes.")
    cuts = np.floor(np.linspace(0, num_classes, NUM_FOLDS + 1)).astype(int)
    quarter = NUM_FOLDS - fold
    held_out = np.arange(cuts[quarter], cuts[quarter + 1])
    return np.setdiff1d(np.arange(num_classes), held_out), held_out


def held_out_images(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """[num_examples] bool: ``fraction`` of every class's images, at least 2 of each and never all.

    A class of fewer than 3 images gives none: a single one finds nothing of its class, and its class has to be
    trained on.

    Raises:
      DataError: fewer than 2 classes have images to give.
    """
    held_out = np.zeros(len(labels), bool)
    generator = np.random.default_rng([seed, 0])
    giving = [members for members in members_by_class(labels) if len(members) >= 3]
    if len(giving) < 2:
        raise DataError(
            f"Holding images out needs at least 2 classes of 3 images; {len(giving)} have as many. Hold whole classes "
            "out with --validation=fold1, or bring validation images of your own."
        )
    for members in giving:
        count = min(max(2, round(fraction * len(members))), len(members) - 1)
        held_out[generator.permutation(members)[:count]] = True
    return held_out
