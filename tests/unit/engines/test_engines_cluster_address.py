"""``--target``: what is read from it, and how a wrong one is refused without telling the password."""

import pytest

from routine_load.engines.cluster.address import is_cluster, read_target
from routine_load.errors import PropertyError
from routine_load.ids import Compat


def test_a_target_names_vendor_user_hosts_and_options():
    """Signs that mean something in a URL are percent-encoded; what is left out has the vendors' defaults."""
    target = read_target(
        "starrocks://me%40x:p%2Fa%3Ass@fe1:9031,fe2,[::1]:9032/?http_port=8031&tls=true&prepared_timeout=60&connections=4"
    )
    assert (target.vendor, target.user, target.password) == (Compat.STARROCKS, "me@x", "p/a:ss")
    assert target.fronts == (("fe1", 9031), ("fe2", 9030), ("::1", 9032))
    assert (target.http_port, target.tls, target.https, target.scheme) == (8031, True, False, "http")
    assert (target.prepared_timeout_s, target.load_timeout_s, target.connections) == (60, 600, 4)


def test_user_and_ports_have_defaults():
    """doris://fe is root without a password at the vendor's ports."""
    target = read_target("doris://fe")
    assert (target.user, target.password, target.fronts, target.http_port) == ("root", "", (("fe", 9030),), 8030)


def test_a_host_map_reaches_what_the_cluster_names():
    """By host and port before by host alone; a port that the right side leaves out stays."""
    target = read_target("doris://fe?host_map=be1:8040>127.0.0.1:18040,be1>10.0.0.1,be2>10.0.0.2:1")
    assert target.reached(("be1", 8040)) == ("127.0.0.1", 18040)
    assert target.reached(("be1", 9)) == ("10.0.0.1", 9)
    assert target.reached(("be2", 8040)) == ("10.0.0.2", 1)
    assert target.reached(("be3", 8040)) == ("be3", 8040)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("mysql://root:hidden@fe", "target begins with 'mysql', allowed: duckdb, starrocks://"),
        ("starrocks://root:hidden@", "names no host"),
        ("starrocks://root:hidden@fe:0", "the port 0"),
        ("starrocks://root:hidden@fe:99999", "the port 99999"),
        ("starrocks://root:hidden@fe:x", "a host 'fe:x'"),
        ("starrocks://root:hidden@f e", "a host 'f e'"),
        ("starrocks://root:hid/den@fe", "something behind its hosts"),
        ("starrocks://root:hidden@fe/db", "something behind its hosts"),
        ("starrocks://root:hidden@fe#x", "something behind its hosts"),
        ("starrocks://root:hidden@fe?http_prot=1", "an option 'http_prot', allowed: http_port"),
        ("starrocks://root:hidden@fe?http_port=x", "http_port is 'x', allowed: 1 to 65535"),
        ("starrocks://root:hidden@fe?https=maybe", "https is 'maybe', allowed: true, false"),
        ("starrocks://root:hidden@fe?connections=0", "connections is '0', allowed: 1 to 1000"),
        ("starrocks://root:hidden@fe?host_map=be1", "host_map has 'be1', allowed: seen>reached"),
        ("starrocks://root:hidden@fe?nonsense", "cannot be read"),
        ("starrocks://root:hidden@[::1", "cannot be read"),
        ("starrocks://" + ",".join(["fe"] * 17), "names 17 hosts, at most 16"),
    ],
)
def test_a_wrong_target_is_refused_by_its_part(target, said):
    """The error has the part and what is allowed; never what may be the password."""
    with pytest.raises(PropertyError) as caught:
        read_target(target)
    assert said in caught.value.message
    assert "hidden" not in caught.value.message
    assert "hid/" not in caught.value.message


def test_a_target_is_told_without_its_password():
    """Neither as text nor as repr."""
    target = read_target("starrocks://me:hidden@fe")
    assert "hidden" not in f"{target} {target!r}"
    assert str(target) == "starrocks://me@fe:9030?http_port=8030"


def test_the_embedded_engine_is_no_cluster():
    """duckdb is a word, a cluster a URL."""
    assert not is_cluster("duckdb")
    assert is_cluster("doris://fe")
