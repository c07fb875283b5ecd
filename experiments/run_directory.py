"""A run's directory, and what is written into it while training."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import signal
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ccp.errors import ConfigError, UserError
from experiments.presets import overridden, preset_name
from experiments.settings import Settings, differences

if TYPE_CHECKING:
    from models.weights.start_weights import EarlierNetwork


class RunError(UserError):
    """The run directory cannot be used; the message says why and what to do."""


class RunDirectory:
    """Everything that one run leaves behind.

    - ``config.json``: the resolved configuration; ``settings.json``: its preset, and what departs from that;
    - ``checkpoints/``: the last two checkpoints;
    - ``metrics.jsonl``: one line per epoch;
    - ``projections/``: one ``.npz`` per projection;
    - ``tensorboard/``: event files;
    - ``data.json``: a digest of the data set's manifest.
    - ``bad_images.jsonl``: images that cannot be read, where those are skipped.
    - ``result.json``: the scores at the end; ``test_embeddings.npz``: what they are of, where that is kept.

    Args:
      path: the directory; made if need be.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.projections = self.path / "projections"
        self.tensorboard = self.path / "tensorboard"
        self.metrics = self.path / "metrics.jsonl"
        self.result = self.path / "result.json"
        self.config = self.path / "config.json"
        self.settings = self.path / "settings.json"
        self.data = self.path / "data.json"
        self.test_embeddings = self.path / "test_embeddings.npz"
        self.bad_images = self.path / "bad_images.jsonl"
        self._lock = self.path / "lock"

    @contextlib.contextmanager
    def claimed(self, config: Settings) -> Iterator[None]:
        """Locks the directory for this process and compares the configuration with what is recorded there.

        The lock is the operating system's: it goes with the process, however that ends. Until there is a
        checkpoint, nothing depends on the recorded settings and others may take their place. Where the data
        lie may always change.

        Raises:
          RunError: another process is running here, or the directory holds a run with other settings.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise RunError(f"{self.path} is a file; pass another --run_dir.") from None
        with open(self._lock, "a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(
                    f"Another process is training in {self.path}. Wait for it, stop it, or pass another --run_dir."
                ) from None
            if any(self.checkpoints.glob("*.index")):
                different = described(self.load_config(), config, ("there", "here"))
                if different:
                    raise RunError(
                        f"{self.path} holds a run with other settings ({'; '.join(different)}). "
                        "Pass another --run_dir, or the same settings to go on with that run."
                    )
            yield

    def sign(self, text: str) -> None:
        """Leaves a word for other processes; for the one that has claimed the directory."""
        self._lock.write_text(text)

    def signature(self) -> str | None:
        """The word that was left last; None if this process sees none."""
        try:
            return self._lock.read_text()
        except OSError:
            return None

    def check_data(self, digest: str) -> None:
        """Refuses to go on, or to judge, with other images than the run was started with.

        Args:
          digest: of the data set as it is now.

        Raises:
          RunError: it was another one.
        """
        if any(self.checkpoints.glob("*.index")) and self.data.exists() and read_json(self.data)["digest"] != digest:
            raise RunError(
                f"{self.path} holds a run on other images: since then files, classes or splits of the data set have "
                "changed, or --data_dir names another one. Pass the same data, or another --run_dir."
            )

    def record(self, config: Settings, digest: str) -> None:
        """Writes the configuration, what departs from its preset, and what the data are, once these have been found."""
        write_json(self.data, {"digest": digest})
        write_json(self.config, config.to_dict())
        write_json(self.settings, {"preset": preset_name(config), "overridden": overridden(config)})

    def finished(self, config: Settings, with_embeddings: bool = False) -> bool:
        """Whether a run with these settings has its scores, and, where asked for, the embeddings that they are of."""
        wanted = [self.config, self.result, *([self.test_embeddings] if with_embeddings else [])]
        if not all(path.exists() for path in wanted) or not any(self.checkpoints.glob("*.index")):
            return False
        return not described(self.load_config(), config, ("there", "here"))

    def load_config(self) -> Settings:
        """The configuration that the run was started with.

        Raises:
          RunError: the directory holds no run, or one with settings that cannot be.
        """
        if not self.config.exists():
            raise RunError(f"{self.path} holds no run (there is no {self.config.name}); pass --run_dir of a run.")
        try:
            return Settings.from_dict(read_json(self.config))
        except ConfigError as error:
            raise RunError(f"{self.config} is not what this version writes: {error}") from error

    def records(self) -> list[dict[str, Any]]:
        """The whole lines of ``metrics.jsonl``; a last line torn by a kill is left out.

        Raises:
          RunError: another line is damaged.
        """
        if not self.metrics.exists():
            return []
        lines = self.metrics.read_text().split("\n")
        try:
            return [json.loads(line) for line in lines[:-1]]
        except ValueError as error:
            raise RunError(f"{self.metrics} is damaged ({error}); mend or delete the broken line.") from error

    def rewind(self, last_record: Mapping[str, Any]) -> None:
        """Makes ``metrics.jsonl`` end with the epoch of the checkpoint that training goes on from.

        A kill may come before an epoch's line was written, or after the line but before its checkpoint.
        """
        epoch = last_record.get("epoch", 0)
        kept = [record for record in self.records() if record["epoch"] < epoch]
        kept += [dict(last_record)] if last_record else []
        lines = "".join(json.dumps(record) + "\n" for record in kept)
        if not self.metrics.exists() or self.metrics.read_text() != lines:
            replace_text(self.metrics, lines)

    def append(self, record: Mapping[str, Any]) -> None:
        """Adds an epoch's line to ``metrics.jsonl``."""
        with open(self.metrics, "a") as file:
            file.write(json.dumps(record) + "\n")


class StopRequest:
    """Turns the first SIGTERM or Ctrl-C into a wish that training looks at; the second one ends the process.

    Used as a context manager around training; calling it says whether a stop is wished.

    Attributes:
      signal: that was sent; None if none was.
    """

    def __init__(self):
        self.signal: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: Any) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)

    def __call__(self) -> bool:
        """Whether a stop is wished."""
        return self.signal is not None

    def _note(self, number: int, _frame: Any) -> None:
        self.signal = number
        signal.signal(number, signal.SIG_DFL)


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes JSON so that the file is either the old one or the whole new one."""
    replace_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: pathlib.Path) -> Any:
    """Reads JSON.

    Raises:
      RunError: the file is damaged.
    """
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}); delete it if the run can be made again.") from error


def replace_text(path: pathlib.Path, text: str) -> None:
    """Replaces a file's contents in one step, so that a kill leaves the old or the new ones."""
    temporary = path.with_name(path.name + ".new")
    # File names may hold bytes that are no text.
    with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def described(one: Settings, other: Settings, places: tuple[str, str]) -> list[str]:
    """The differences of two settings, as phrases.

    Args:
      one: the first.
      other: the second.
      places: where they are, in words.
    """
    return [
        f"{name} is {first} {places[0]} and {second} {places[1]}" for name, first, second in differences(one, other)
    ]


def earlier_network(directory: str) -> EarlierNetwork:
    """The network of a run with its best weights so far; its data need not be there.

    Raises:
      RunError: the directory holds no run, or none that has saved anything yet.
      WeightsError: its last checkpoint cannot be read.
    """
    import tensorflow as tf

    from models.weights.errors import WeightsError
    from models.weights.start_weights import EarlierNetwork

    run = RunDirectory(directory)
    settings = run.load_config().network
    try:
        path = tf.train.latest_checkpoint(str(run.checkpoints))
        if path is not None:
            reader, name = tf.train.load_checkpoint(path), "overall_best/copies/{}/.ATTRIBUTES/VARIABLE_VALUE"
            present = reader.get_variable_to_shape_map()
            count = next(index for index in range(len(present) + 1) if name.format(index) not in present)
            return EarlierNetwork(str(run.path), settings, [reader.get_tensor(name.format(i)) for i in range(count)])
    except (tf.errors.OpError, IndexError, ValueError) as error:  # As TensorFlow says that a file ends too early.
        reason = f"{error}".partition("\n")[0] or type(error).__name__
        raise WeightsError(
            f"The last checkpoint of {run.path} cannot be read ({reason}). If the run still trains, wait for the next "
            "one; or else pass other weights."
        ) from error
    raise WeightsError(f"{run.path} has no checkpoint yet; resume it with main.py train for an epoch.")
