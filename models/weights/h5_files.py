"""Weights in Keras' HDF5 files: only tensors are read; a network's description in the file is never looked at."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

import h5py
import tensorflow as tf

from models.weights.errors import WeightsError, check_readable, check_writable
from models.weights.names import layer_of, tensor_name

_WHOLE_MODEL = "model_weights"  # Where Keras keeps the weights in the file of a whole model.
_UNNAMED = ("", "vars")  # What stands in a layer's place in files of Keras' newer layout.


@contextlib.contextmanager
def read_h5(path: str) -> Iterator[Mapping[str, h5py.Dataset]]:
    """The tensors of a Keras ``.h5`` file by ``layer/weight``, read from the file only as they are used.

    Yields:
      HDF5 data sets, to be used until the context ends.

    Raises:
      WeightsError: there is no such file, it is not a whole HDF5 file, it leads to other files, its tensors have no
        layer names, or two have the same one.
    """
    check_readable(path)
    with contextlib.ExitStack() as stack:
        try:
            tensors = _tensors(stack.enter_context(h5py.File(path, "r")), path)
        except WeightsError:
            raise
        except Exception as error:  # In damaged files, h5py meets what it does not expect, down to SystemError.
            raise WeightsError(f"{path} is not a whole HDF5 file ({error}); get the file again.") from error
        yield tensors


def save_weights_h5(model: tf.keras.Model, path: str) -> None:
    """Writes a network's weights as Keras' ``save_weights`` does; ``path`` is the old file or the whole new one.

    Raises:
      WeightsError: no file can be written at ``path``.
    """
    check_writable(path)
    unfinished = f"{path}.unfinished"  # Without ``path``'s ending: for ``.weights.h5``, Keras has another layout.
    try:
        model.save_weights(unfinished, save_format="h5")
        os.replace(unfinished, path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be written ({error}); make room, or pass another path.") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(unfinished)


def _tensors(file: h5py.File, path: str) -> dict[str, h5py.Dataset]:
    _refuse_links(file, path)
    whole = file.get(_WHOLE_MODEL)
    root = whole if isinstance(whole, h5py.Group) else file
    items: list[tuple[str, h5py.Group | h5py.Dataset]] = []
    root.visititems(lambda location, item: items.append((location, item)))
    found: dict[str, h5py.Dataset] = {}
    for location, item in items:
        if isinstance(item, h5py.Dataset):
            name = tensor_name(location)
            _check(item, name, path)
            if name in found:
                raise WeightsError(
                    f"{path} has two tensors {name}: {found[name].name} and {item.name}; pass a file in which every "
                    "layer has a name of its own."
                )
            found[name] = item
    return found


def _check(item: h5py.Dataset, name: str, path: str) -> None:
    if layer_of(name) in _UNNAMED:
        raise WeightsError(
            f"{path} has a tensor {item.name}, without the name of its layer. Files whose names end in .weights.h5 "
            "are such; save the model's weights under a name that ends in .h5 alone."
        )
    if item.external or item.is_virtual:
        raise WeightsError(f"{path} keeps {item.name} in another file; pass a file that holds its own tensors.")
    if item.shape is None:
        raise WeightsError(f"{path} holds nothing at {item.name}; get the file again.")


def _refuse_links(file: h5py.File, path: str) -> None:
    """Names that only point elsewhere could lead into any other file of this machine."""
    # The visit ends at the first location that is returned; h5py turns what is raised there into a SystemError.
    location = file.visititems_links(lambda location, link: None if isinstance(link, h5py.HardLink) else location)
    if location is not None:
        raise WeightsError(f"{path} has a link at {location}; pass a file that holds its own tensors.")
