import pytest

from ccp.errors import ConfigError
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS, hyperparameters_of, parse_loss


def test_without_a_method_a_loss_is_plain_or_against_proxies():
    assert parse_loss("triplet") == ("plain", "triplet")
    assert parse_loss("virtual_softmax") == ("proxy", "virtual_softmax")
    assert parse_loss("plain/proxy_anchor") == ("plain", "proxy_anchor")
    assert parse_loss("ccp_xbm/margin") == ("ccp_xbm", "margin")


@pytest.mark.parametrize("name", [name for name, entry in PAIR_LOSSES.items() if entry.within_batch])
def test_a_loss_within_the_batch_has_no_other_references(name):
    assert parse_loss(name) == parse_loss(f"plain/{name}") == ("plain", name)
    message = f"{name} compares a batch with itself and cannot be trained as ccp/{name}.*--loss={name}"
    with pytest.raises(ConfigError, match=message):
        parse_loss(f"ccp/{name}")


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"Unknown pair loss 'tripled'. Did you mean triplet"):
        parse_loss("ccp/tripled")
    with pytest.raises(ConfigError, match=r"Unknown training method 'cpp'. Did you mean ccp"):
        parse_loss("cpp/triplet")


def test_hyperparameters_are_the_methods_and_the_pair_losses():
    mined = ["margin", "mining", "mining_margin"]
    assert list(hyperparameters_of("plain/triplet")) == mined
    assert list(hyperparameters_of("ccp/triplet")) == ["proxies_per_class", "batch_weight", "proxy_weight", *mined]
    assert "mining" not in hyperparameters_of("margin")
    memory = ["memory_weight", "memory_batches", "memory_start_step"]
    assert list(hyperparameters_of("xbm/proxy_nca")) == [*memory, "temperature", "mining", "mining_margin"]
    assert hyperparameters_of("ccp_xbm/triplet").keys() >= {*memory, "proxies_per_class", "batch_weight"}
    assert hyperparameters_of("mdr/triplet")["distance_weight"].default == 0.1


def test_no_hyperparameter_of_a_method_hides_one_of_a_pair_loss():
    for method in METHODS.values():
        for entry in PAIR_LOSSES.values():
            assert not method.settings.keys() & entry.settings.keys()
