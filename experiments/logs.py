"""Where metrics go besides ``metrics.jsonl``: CSV, Weights & Biases, MLflow, each through its own Keras callback."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from ccp.errors import ConfigError, UserError, first_line
from datasets.files import read_json, save_json
from experiments.run_directory import RunDirectory
from experiments.settings import Settings

PROJECT = "ccp"
_PACKAGES = {"wandb": "wandb", "mlflow": "mlflow"}


class Log(NamedTuple):
    """A place that metrics go to.

    Attributes:
      callback: writes each epoch's.
      keep: called with the test scores, by name, once training has ended.
    """

    callback: tf.keras.callbacks.Callback
    keep: Callable[[Mapping[str, float]], Any] = lambda scores: None


def check_logs(names: Iterable[str]) -> None:
    """Raises a ConfigError if the package of a log is not installed."""
    for name in names:
        if name in _PACKAGES and importlib.util.find_spec(_PACKAGES[name]) is None:
            raise ConfigError(
                f"--log={name} needs the package {_PACKAGES[name]}, which is not installed. Run "
                f"'.venv/bin/pip install -r requirements/{name}.txt', or leave {name} out of --log."
            )


@contextlib.contextmanager
def opened_logs(names: Iterable[str], run: RunDirectory, settings: Settings) -> Iterator[list[Log]]:
    """The logs of these names, closed at the end of the block; a resumed run goes to the same places as before.

    Args:
      names: of ``LOGS``; ``tensorboard`` is no concern here, as it needs the network.
      run: the directory, whose files are written first.
      settings: are recorded there too.
    """
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(_OPENED[name](run, settings)) for name in names if name in _OPENED]


class CsvLog(tf.keras.callbacks.CSVLogger):
    """Keras' CSV file with the lines of ``metrics.jsonl``, also those of before a run was resumed.

    Args:
      run: the directory.
    """

    def __init__(self, run: RunDirectory):
        super().__init__(os.fspath(run.csv))
        self._run = run

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Writes the lines that there are."""
        super().on_train_begin(logs)
        for record in self._run.records():
            self.on_epoch_end(record["epoch"] - 1, {name: value for name, value in record.items() if name != "epoch"})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Writes a line of the metrics that there are: Keras would add an empty column ``val_…`` for each of them."""
        self.keys = self.keys or sorted(logs or {})
        super().on_epoch_end(epoch, logs)


@contextlib.contextmanager
def _csv(run: RunDirectory, settings: Settings) -> Iterator[Log]:
    del settings  # They are in settings.json.
    yield Log(CsvLog(run))


@contextlib.contextmanager
def _wandb(run: RunDirectory, settings: Settings) -> Iterator[Log]:
    import wandb
    from wandb.integration.keras import WandbMetricsLogger

    with _reported("wandb", wandb.Error):
        started = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=_known(run).get("wandb") or _remember(run, "wandb", uuid.uuid4().hex[:8]),
            name=run.path.name,
            dir=os.fspath(run.path),
            config=settings.flat(),
            resume="allow",
        )
    with started:
        yield Log(WandbMetricsLogger(), lambda scores: started.summary.update(_test(scores)))


@contextlib.contextmanager
def _mlflow(run: RunDirectory, settings: Settings) -> Iterator[Log]:
    import mlflow
    from mlflow.tensorflow import MlflowCallback

    known = _known(run).get("mlflow")
    with _reported("mlflow", mlflow.MlflowException):
        if not {"MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"} & set(os.environ):
            mlflow.set_experiment(PROJECT)
        started = mlflow.start_run(run_id=known, run_name=run.path.name)
    with started:
        if known is None:
            _remember(run, "mlflow", started.info.run_id)
            mlflow.log_params(settings.flat())
        yield Log(MlflowCallback(), lambda scores: mlflow.log_metrics(_test(scores)))


_OPENED = {"csv": _csv, "wandb": _wandb, "mlflow": _mlflow}


@contextlib.contextmanager
def _reported(name: str, kind: type[Exception]) -> Iterator[None]:
    """Turns an error of a package, as of a server that cannot be reached, into one for the user."""
    try:
        yield
    except kind as error:
        raise UserError(f"--log={name}: {first_line(error)} Fix that, or leave {name} out of --log.") from error


def _test(scores: Mapping[str, float]) -> dict[str, float]:
    return {f"test/{name}": float(value) for name, value in scores.items()}


def _known(run: RunDirectory) -> dict[str, str]:
    return read_json(run.log_ids) if run.log_ids.exists() else {}


def _remember(run: RunDirectory, name: str, identity: str) -> str:
    save_json(run.log_ids, {**_known(run), name: identity})
    return identity
