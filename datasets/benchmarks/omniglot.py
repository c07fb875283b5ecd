"""Omniglot's two small sets of handwritten characters."""

from __future__ import annotations

import io
import pathlib
import zipfile
import zlib

import numpy as np
from PIL import Image

from datasets.manifest import TEST, TRAIN, Counts, DataError, Entry, Manifest, assemble
from datasets.settings import DataSettings

TRAIN_ZIP = "images_background_small1.zip"
TEST_ZIP = "images_background_small2.zip"
IMAGES_PER_CHARACTER = 20
EXPECTED = {"train": Counts(2720, 136), "test": Counts(2120, 106)}
_SHAPE = (105, 105)


def load(settings: DataSettings) -> Manifest:
    """136 characters to train on, and 106 of alphabets that are not among them for test.

    (Lake et al., Science 2015; MIT licence.) Training takes all of ``small1``, test what ``small2`` has
    of other alphabets (Japanese, Sanskrit, Tagalog).

    Args:
      settings: ``data_dir`` is the directory that holds both zips, as distributed.

    Raises:
      DataError: a zip is missing, is not one, or holds an image that cannot be read or is of another size.
    """
    data_dir = settings.data_dir
    train = _read(pathlib.Path(data_dir) / TRAIN_ZIP)
    test = _read(pathlib.Path(data_dir) / TEST_ZIP)
    alphabets = {name.partition("/")[0] for name in train}
    unseen = {name: images for name, images in test.items() if name.partition("/")[0] not in alphabets}
    if not unseen:
        raise DataError(
            f"{TEST_ZIP} in {data_dir} should hold alphabets that {TRAIN_ZIP} has not; it holds none. Fetch it again."
        )
    entries, images = [], []
    for split, characters in ((TRAIN, train), (TEST, unseen)):
        for character, files in characters.items():
            entries += [Entry(file, character, split) for file in files]
            images += files.values()
    return assemble("omniglot", "", entries, [*train, *unseen], np.stack(images)[..., np.newaxis])


def _read(path: pathlib.Path) -> dict[str, dict[str, np.ndarray]]:
    """Images by ``alphabet/character`` and file name, in the order of the names."""
    if not path.is_file():
        raise DataError(
            f"Omniglot needs {path.name}, and there is none in {str(path.parent)!r}. Pass --data_dir, the directory "
            f"that holds {TRAIN_ZIP} and {TEST_ZIP}; both are in the python/ folder of the repository "
            "brendenlake/omniglot."
        )
    characters: dict[str, dict[str, np.ndarray]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(filter(_is_image, archive.namelist())):
                alphabet, character = name.split("/")[-3:-1]
                pixels = _decode(archive.read(name), path, name)
                characters.setdefault(f"{alphabet}/{character}", {})[name] = pixels
    # The last two: a forged offset, and what is compressed in an unknown way or claims to be encrypted.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise DataError(f"{path} is damaged ({error}); fetch it again.") from error
    short = [name for name, images in characters.items() if len(images) != IMAGES_PER_CHARACTER]
    if short or not characters:
        raise DataError(
            f"{path} should hold {IMAGES_PER_CHARACTER} images of every character; "
            f"{f'{short[0]} has {len(characters[short[0]])}' if short else 'it holds none'}. Fetch it again."
        )
    return characters


def _is_image(name: str) -> bool:
    """Whether a member of the archive is ``…/alphabet/character/image.png``."""
    return name.endswith(".png") and name.count("/") >= 2 and "__MACOSX" not in name


def _decode(encoded: bytes, path: pathlib.Path, name: str) -> np.ndarray:
    try:
        image = Image.open(io.BytesIO(encoded))
        # Before it is decoded, so that a forged size takes no memory.
        if image.size != _SHAPE:
            raise ValueError(f"{image.size[0]} × {image.size[1]} pixels instead of {_SHAPE[0]} × {_SHAPE[1]}")
        return np.asarray(image.convert("L"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{name} in {path} cannot be read ({error}); fetch the archive again.") from error
