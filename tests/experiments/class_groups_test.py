"""The groups of a run: near classes, or superclasses from a file; kept when it is resumed."""

import json
import pathlib
import types

import numpy as np
import pytest

from ccp.class_draws import DRAW_EVENLY, DrawByGroup
from ccp.distribution.replicas import Replicas
from ccp.errors import ConfigError
from experiments.class_groups import draw_by_group
from experiments.run_directory import RunDirectory
from experiments.settings import configure

NAMES = ("a", "b", "c", "d")


def experiment(means=(), **settings):
    """Four classes of two images each, which are embedded far from their means; class_draws as it starts."""
    given = {"class_draws": "by_group", "classes_per_batch": 4, "group_size": 2, **settings}

    def embed(examples, shared):
        assert shared
        embeddings = np.repeat(np.array(means, float), 2, axis=0) + np.tile([[-4.0], [4.0], [4.0], [-4.0]], (2, 1))
        return types.SimpleNamespace(embeddings=embeddings, labels=np.repeat(np.arange(4), 2))

    splits = types.SimpleNamespace(train=types.SimpleNamespace(class_names=NAMES, num_classes=4))
    return types.SimpleNamespace(
        settings=configure(given), replicas=Replicas(), splits=splits, embed=embed, class_draws=DRAW_EVENLY
    )


def test_near_classes_are_a_group_and_stay_one_when_resumed(tmp_path):
    run = RunDirectory(tmp_path)
    started = experiment([[0.0], [9.0], [1.0], [6.0]])
    draw_by_group(started, run)
    assert started.class_draws == DrawByGroup([1, 0, 1, 0], 2)
    resumed = experiment([[0.0], [1.0], [6.0], [7.0]])  # By now the network has others near each other.
    draw_by_group(resumed, run)
    assert resumed.class_draws == started.class_draws


def test_without_groups_nothing_is_embedded_or_kept(tmp_path):
    evenly = experiment(class_draws="evenly")
    draw_by_group(evenly, RunDirectory(tmp_path))
    assert evenly.class_draws is DRAW_EVENLY
    assert not list(pathlib.Path(tmp_path).iterdir())


def test_superclasses_of_a_file(tmp_path):
    file = tmp_path / "superclasses.csv"
    file.write_text("class,superclass\nd,x\nc,y\nb,x\na,y\nelse,z\n")
    given = experiment(superclasses=str(file))
    draw_by_group(given, RunDirectory(tmp_path))
    assert given.class_draws == DrawByGroup(["y", "x", "y", "x"], 2)
    assert json.loads((tmp_path / "class_groups.json").read_text()) == {"a": "y", "b": "x", "c": "y", "d": "x"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class,group\na,x\n", "must have the columns class,superclass, named in its first line"),
        ("class,superclass\na,x,y\n", "must have the columns class,superclass"),
        ("class,superclass\na,x\n", r"has no superclass for 3 of 4 training classes \(b, c, d, …\); add a line"),
        ("class,superclass\na,x\nb,y\nc,y\nd,y\n", "2 groups of at least 2 classes; there are 2, the smallest of 1"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, text, message):
    file = tmp_path / "superclasses.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        draw_by_group(experiment(superclasses=str(file)), RunDirectory(tmp_path))
    assert not (tmp_path / "class_groups.json").exists()
