import dataclasses

import numpy as np
import pytest

from ccp.errors import ConfigError
from ccp.settings import check, refuse_unknown, setting, settings_of


@dataclasses.dataclass
class Section:
    rate: float = setting(0.5, "a rate", above=0, at_most=1)
    count: int = setting(2, "a count", at_least=1)
    kind: str = setting("one", "a kind", choices=("one", "two"))
    switch: bool = setting(False, "a switch")
    plain: int = 3


def test_settings_are_the_fields_that_are_declared_so():
    assert list(settings_of(Section)) == ["rate", "count", "kind", "switch"]
    assert settings_of(Section())["rate"].help == "a rate"
    check(Section(rate=1, count=np.int64(3), kind="two"))  # An int is a number.


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 0.0}, "rate must be above 0 and at most 1; got 0"),
        ({"rate": float("nan")}, "rate must be above 0 and at most 1; got nan"),
        ({"rate": "0.5"}, "rate must be a number; got '0.5'"),
        ({"rate": True}, "rate must be a number; got True"),
        ({"count": 2.0}, "count must be a whole number; got 2"),
        ({"count": 0}, "count must be at least 1; got 0"),
        ({"kind": "tow"}, "Unknown kind 'tow'. Did you mean two"),
        ({"kind": 1}, "kind must be text; got 1"),
        ({"switch": 1}, "switch must be true or false; got 1"),
    ],
)
def test_refuses_what_is_out_of_bounds(values, message):
    with pytest.raises(ConfigError, match=message):
        check(Section(**values))


@pytest.mark.parametrize(
    ("name", "given", "expected"), [("rate", 1, 1.0), ("rate", np.float32(0.25), 0.25), ("count", 2.0, 2)]
)
def test_numbers_are_converted_where_nothing_is_lost(name, given, expected):
    converted = settings_of(Section)[name].converted(name, given)
    assert (converted, type(converted)) == (expected, type(expected))


def test_numbers_are_not_rounded():
    with pytest.raises(ConfigError, match=r"count must be a whole number; got 2\.5"):
        settings_of(Section)["count"].converted("count", 2.5)


def test_unknown_names_are_refused_with_all_if_none_is_near():
    with pytest.raises(ConfigError, match=r"Unknown colour 'xyz'\. There are: red, green"):
        refuse_unknown(["red", "xyz"], ["red", "green"], "colour")
