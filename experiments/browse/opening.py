"""Opens a gallery to browse."""

from __future__ import annotations

import os

from datasets.files import OutputError
from datasets.image_files import find_images
from experiments.browse.about import about_model
from experiments.browse.gallery import BrowsedGallery, ImageSet
from experiments.image_index import folder_class, index_images, top_directory
from experiments.index_files import read_index
from models.serving.exported_model import ExportedModel, read_info
from models.serving.file_embedding import embed_contents
from models.serving.network import MASKED
from models.serving.threshold import read_threshold


def open_gallery(
    model_dir: str,
    gallery: str | None = None,
    index: str | None = None,
    skip_unreadable: bool = False,
    overwrite: bool = False,
) -> BrowsedGallery:
    """Opens a gallery; embeds what its index does not hold yet.

    Args:
      model_dir: an exported model.
      gallery: a directory of images, searched in depth, or a pattern; None for the images that ``index`` holds.
      index: the directory of the index; see ``index_images``.
      skip_unreadable: leave out gallery images that cannot be read; otherwise the first one is an error.
      overwrite: replace an ``index`` that holds something else, or another model's embeddings.

    Raises:
      UserError: there is no image or one cannot be read, an embedding is not finite, or ``index`` holds something else.
    """
    files = None if gallery is None else find_images(gallery)  # Raises if there are none, before the model is loaded.
    model = ExportedModel(model_dir)
    if gallery is None:
        images = _indexed(index, model.fingerprint)
    else:
        found = index_images(model, gallery, files, index, skip_unreadable, overwrite)
        classes = [folder_class(path, gallery) for path in found.paths]
        images = ImageSet(top_directory(gallery), found.paths, classes, found.embeddings, found.skipped)
    embed_contents(model.signatures[MASKED], [b""])  # The first call takes long; later ones do not wait for it.
    about = about_model(model.directory, read_info(model.directory))
    return BrowsedGallery(images, model.signatures[MASKED], read_threshold(model.directory), about)


def _indexed(index: str, fingerprint: str) -> ImageSet:
    """What an index holds."""
    held = read_index(index)
    if held is None or not held.names:
        raise OutputError(f"There is no index in {index}; pass --gallery, the images, or make it with main.py index.")
    if held.model != fingerprint:
        raise OutputError(f"{index} holds embeddings by another model, or by another version of it; pass that --model.")
    if not os.path.isdir(held.gallery):
        raise OutputError(f"The images of {index} are not in {held.gallery} any more; pass their place as --gallery.")
    return ImageSet(held.gallery, held.paths, held.labels, held.embeddings)
