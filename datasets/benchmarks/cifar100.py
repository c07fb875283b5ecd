"""CIFAR-100 (Krizhevsky, 2009), with its 100 fine classes, as Keras downloads it."""

from __future__ import annotations

from datasets.benchmarks.keras_sets import read_keras
from datasets.manifest import Counts, Manifest
from datasets.settings import DataSettings

# 600 images of each class.
EXPECTED = {"train": Counts(30000, 50), "test": Counts(30000, 50)}
_NAMES = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can "
    "castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin "
    "elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster "
    "man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck "
    "pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk "
    "skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger "
    "tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)
CLASS_NAMES = tuple(_NAMES.split())


def load(settings: DataSettings) -> Manifest:
    """The first fifty classes to train on and the last fifty for test; see ``read_keras``."""
    return read_keras("cifar100", "cifar-100-python.tar.gz", CLASS_NAMES)
