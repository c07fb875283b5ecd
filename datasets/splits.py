"""Training, validation and test splits: what is held out of the training images to select the model."""

from __future__ import annotations

import numpy as np

from ccp.sampling import members_by_class
from datasets.examples import Splits, split_examples
from datasets.manifest import TEST, TRAIN, VALIDATION, DataError, Manifest

NUM_FOLDS = 4
HELD_OUT_FRACTION = 0.2


def make_splits(
    manifest: Manifest, validation: str, seed: int, crop_to_box: bool = False, select_on_test: bool = False
) -> Splits:
    """Divides a data set into what trains the model, what selects it, and what tests it.

    Args:
      manifest: of the data set, checked.
      validation: ``images`` holds out a fifth of every training class's images; ``fold1`` … ``fold4`` hold out
        the classes of a quarter, as in the 4-fold protocol (MLRC); ``given`` takes the data set's own validation
        split; ``auto`` takes that where there is one, and otherwise images; ``test`` holds nothing out.
      seed: of the choice of images.
      crop_to_box: use only what is inside the annotated boxes.
      select_on_test: the test split selects the model too, and what is held out is left unused.

    Raises:
      DataError: a split is empty, or too small to be scored.
    """
    if select_on_test:
        train = split_examples(manifest, TRAIN, crop_to_box)
        if validation not in ("auto", "test"):
            train = make_splits(manifest, validation, seed, crop_to_box).train
        test = split_examples(manifest, TEST, crop_to_box)
        return Splits(train, test, test, "the test set itself, as --select_on_test asks (the scores are optimistic)")
    has_validation = bool((manifest.splits == VALIDATION).any())
    if validation == "auto":
        validation = "given" if has_validation else "images"
    if has_validation and validation != "given":
        raise DataError(
            f"{manifest.name} has validation images, and --validation={validation} would hold out others and leave "
            "those unused. Leave --validation out."
        )
    train, test = (split_examples(manifest, split, crop_to_box) for split in (TRAIN, TEST))
    if validation == "given":
        return Splits(train, split_examples(manifest, VALIDATION, crop_to_box), test, "its own validation split")
    if validation == "images":
        held_out = held_out_images(train.labels, HELD_OUT_FRACTION, seed)
        return Splits(
            train.subset(np.flatnonzero(~held_out)),
            train.subset(np.flatnonzero(held_out)),
            test,
            f"{HELD_OUT_FRACTION:.0%} of each training class's images, at least 2 of it ({held_out.mean():.0%} in all)",
        )
    fold = int(validation[len("fold") :])
    kept_classes, held_out_classes = fold_classes(train.num_classes, fold)
    if len(held_out_classes) < 2:
        raise DataError(
            f"Fold {fold} of {train.num_classes} classes holds out {len(held_out_classes)}: retrieval among one class "
            "is always perfect. Four folds need at least 8 training classes; train one model with --validation=images."
        )
    return Splits(
        train.subset(np.flatnonzero(np.isin(train.labels, kept_classes))),
        train.subset(np.flatnonzero(np.isin(train.labels, held_out_classes))),
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
            "out with --validation=fold1, or add validation images."
        )
    for members in giving:
        count = min(max(2, round(fraction * len(members))), len(members) - 1)
        held_out[generator.permutation(members)[:count]] = True
    return held_out
