"""A page on this machine to search a gallery in."""

from experiments.browse.gallery import BrowsedGallery
from experiments.browse.opening import open_gallery
from experiments.browse.server import BrowseServer

__all__ = ["BrowseServer", "BrowsedGallery", "open_gallery"]
