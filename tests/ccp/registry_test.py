import pytest

from ccp.errors import ConfigError
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS
from ccp.registry import Registry, declared_settings, imported
from ccp.settings import settings_of

CLASSES = [entry.path for registry in (PAIR_LOSSES, METHODS) for entry in registry.values() if entry.path]


@pytest.mark.parametrize("path", CLASSES)
def test_settings_read_from_the_source_are_those_of_the_class(path):
    described = declared_settings(path)
    assert described == settings_of(imported(path))
    for name, setting in described.items():
        setting.check(name, setting.default)
        assert setting.help[0].islower()


def test_a_class_that_does_not_exist():
    for path in ("ccp.losses.triplet:TripleLoss", "ccp.losses.tripled:TripletLoss"):
        with pytest.raises(LookupError, match=f"names the class {path}, which does not exist"):
            declared_settings(path)


def test_unknown_names():
    registry = Registry("fruit", {"apple": 1, "pear": 2})
    assert (list(registry), len(registry), registry["pear"], "plum" in registry) == (["apple", "pear"], 2, 2, False)
    with pytest.raises(ConfigError, match=r"Unknown fruit 'pair'\. Did you mean pear"):
        registry["pair"]
