import pytest

from ccp.errors import ConfigError
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS, hyperparameters_of, parse_loss, parse_terms, resolved, written


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
    of_ccp = ["proxies_per_class", "batch_weight", "proxy_weight", "class_share"]
    assert list(hyperparameters_of("ccp/triplet")) == [*of_ccp, *mined]
    assert "mining" not in hyperparameters_of("margin")
    memory = ["memory_weight", "memory_batches", "memory_start_step"]
    assert list(hyperparameters_of("xbm/proxy_nca")) == [*memory, "temperature", "mining", "mining_margin"]
    assert hyperparameters_of("ccp_xbm/triplet").keys() >= {*memory, "proxies_per_class", "batch_weight"}
    assert hyperparameters_of("mdr/triplet")["distance_weight"].default == 0.1


def test_no_hyperparameter_of_a_method_hides_one_of_a_pair_loss():
    for method in METHODS.values():
        for entry in PAIR_LOSSES.values():
            assert not method.settings.keys() & entry.settings.keys()


def test_terms_of_a_sum():
    terms = parse_terms("ccp/contrastive + 0.50*proxy_anchor+1e+1*softmax+1.0*plain/triplet")
    assert [term[:1] + term[2:] for term in terms] == [
        (1.0, "ccp", "contrastive"),
        (0.5, "proxy", "proxy_anchor"),
        (10.0, "plain", "softmax"),
        (1.0, "plain", "triplet"),
    ]
    text = "ccp/contrastive+0.5*proxy_anchor+10*softmax+plain/triplet"
    assert written(terms) == text
    assert written(parse_terms(text)) == text
    exact = "0.12345678*triplet+1e+16*softmax"
    assert written(parse_terms(exact)) == exact
    assert [term.needs_positives for term in terms] == [False, False, False, True]


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("triplet+", "has an empty term; write it as"),
        ("-1*triplet+softmax", "must be a number above 0, as in 0.5.triplet; got '-1.triplet'"),
        ("a*triplet+softmax", "got 'a.triplet'"),
        ("inf*triplet+softmax", "got 'inf.triplet'"),
        ("0.5*triplet", "has a weight and no other term.*Write --loss=triplet, or"),
        ("triplet+softmaxx", "Unknown pair loss 'softmaxx'. Did you mean softmax"),
        ("ccp/softmax", r"softmax classifies and cannot be trained as ccp/softmax.*--loss=ccp/contrastive\+softmax"),
    ],
)
def test_what_is_no_sum_is_refused(loss, message):
    with pytest.raises(ConfigError, match=message):
        parse_terms(loss)


def test_hyperparameters_that_several_terms_have_are_numbered():
    names = hyperparameters_of("ccp/triplet+0.5*proxy/proxy_anchor+softmax")
    shared = ("proxies_per_class", "class_share", "margin", "mining", "mining_margin")
    assert names.keys() == {
        *(f"{name}@{at}" for name in shared for at in (1, 2)),
        *("batch_weight", "proxy_weight", "scale", "label_smoothing"),
    }
    assert (names["margin@1"].default, names["margin@2"].default) == (0.0961, 0.1)


def test_hyperparameters_are_found_by_name_or_by_number():
    loss = "triplet+0.5*proxy_anchor"
    given = {"margin@2": 0.3, "scale": 2.0, "margin@1": 0.2, "elsewhere": 1}
    assert resolved(loss, given) == given
    assert resolved(loss, {"scale@2": 2.0}) == {"scale": 2.0}
    assert resolved("triplet", {"margin@1": 0.2}) == {"margin": 0.2}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"margin": 0.2}, r"--margin could be.* write --margin@1 \(triplet\) and --margin@2 \(proxy_anchor\)"),
        ({"scale@1": 2.0}, "term 1 of --loss=.* has no scale. It has --scale@2"),
        ({"scale@3": 2.0}, "term 3 of --loss=.* has no scale"),
        ({"alpha@1": 2.0}, "has no alpha. It has no --alpha"),
        ({"scale": 2.0, "scale@2": 3.0}, "--scale and --scale@2 are the same; leave one out"),
    ],
)
def test_a_hyperparameter_of_no_certain_term_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        resolved("triplet+0.5*proxy_anchor", given)
