"""The connection to the other processes of a training, and what a process that cannot go on tells them."""

from __future__ import annotations

import base64
import contextlib
import faulthandler
import json
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import tensorflow as tf
from tensorflow.python.eager import context

from ccp.distribution.cluster import cluster_of
from ccp.distribution.rendezvous import meet
from ccp.errors import ConfigError, TrainingError, UserError

# All have met: what is left takes a second, unless one is killed within it.
_CONNECTING_SECONDS = 120
# Until the words have reached the others; the process that says them may be the one that passes them on.
_LINGERING_SECONDS = 2.0
# They come amid TensorFlow's own, which may quote them again, and in the head of a reply, which has little room.
_FORM, _WORDS, _MOST_BYTES = "<cannot go on: {}>", re.compile("<cannot go on: ([A-Za-z0-9+/=]+)>"), 1000
_connected: list[tf.distribute.Strategy] = []


def connected(should_stop: Callable[[], bool] = lambda: False) -> tf.distribute.Strategy:
    """The strategy of all trainings of this process: the connection is made once, before anything is computed.

    Args:
      should_stop: asked while waiting for others.

    Raises:
      ConfigError: TF_CONFIG does not say what it should; see ``meet`` for this and more.
    """
    if not _connected:
        meet(cluster_of(), should_stop)
        with _within(_CONNECTING_SECONDS):
            _connected.append(tf.distribute.MultiWorkerMirroredStrategy())
        # TensorFlow has put a handler of its own, which waits for somebody to ask, in the place of ours.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    return _connected[0]


def tell_others(error: BaseException) -> None:
    """Ends the other processes, which would wait for this one else, with what has ended this one.

    Does nothing where there is no connection. Stays until the others have heard of it.
    """
    if not _connected:
        return
    words = f"{error}" if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    said = {
        "process": cluster_of().worker + 1,
        "usage": isinstance(error, ConfigError),
        "words": words.encode(errors="replace")[:_MOST_BYTES].decode(errors="ignore"),
    }
    text = _FORM.format(base64.b64encode(json.dumps(said).encode()).decode())
    with contextlib.suppress(tf.errors.OpError):  # Whoever is to pass it on may be gone.
        context.context().report_error_to_cluster(tf.errors.INTERNAL, text)
        linger()


def linger() -> None:
    """Until words that are under way have reached all."""
    time.sleep(_LINGERING_SECONDS)


def told(error: BaseException) -> UserError | None:
    """What another process has told, if that is what an operation has failed for."""
    found = _WORDS.search(error.message) if isinstance(error, tf.errors.OpError) else None
    if found is None:
        return None
    said = json.loads(base64.b64decode(found.group(1)))
    kind = ConfigError if said["usage"] else TrainingError  # As it ends that process, too.
    return kind(f"Process {said['process']} cannot go on: {said['words']}")


@contextlib.contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Ends this process if what is done in it takes longer: while TensorFlow connects, no line of Python runs."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
