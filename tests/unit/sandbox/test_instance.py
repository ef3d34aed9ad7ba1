from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from sandbox.host import SandboxError
from sandbox.instance import SUBNETS, Instance, choose_subnet, short_name, write


def instance(count: int = 3) -> Instance:
    return Instance(state=Path("/srv/a"), subnet=90, count=count, port=6443)


def test_a_free_network_is_taken_as_preferred() -> None:
    assert choose_subnet(5, []) == SUBNETS[5]


def test_a_network_that_touches_a_route_is_passed_over() -> None:
    used = [IPv4Network(f"10.{SUBNETS[5]}.7.0/24"), IPv4Network(f"10.{SUBNETS[6]}.0.0/15", strict=False)]
    assert choose_subnet(5, used) not in (SUBNETS[5], SUBNETS[6])


def test_the_search_goes_round() -> None:
    assert choose_subnet(len(SUBNETS) - 1, [IPv4Network(f"10.{SUBNETS[-1]}.0.0/16")]) == SUBNETS[0]


def test_no_network_left_is_an_error() -> None:
    with pytest.raises(SandboxError, match="in use on this machine"):
        choose_subnet(0, [IPv4Network("10.0.0.0/8")])


def test_addresses_lie_in_ranges_that_do_not_overlap() -> None:
    made = instance()
    pods, services, balancers = (IPv4Network(each) for each in (made.pods, made.services, made.balancers))
    ranges = [IPv4Network(node.pods) for node in made.nodes]
    assert not pods.overlaps(services)
    assert not balancers.overlaps(pods)
    assert not balancers.overlaps(services)
    assert all(each.subnet_of(pods) for each in ranges)
    assert len(set(ranges)) == 3
    assert IPv4Address(made.dns) in services
    for node in made.nodes:
        assert IPv4Address(node.address) not in pods
        assert IPv4Address(node.address) not in services
        assert IPv4Address(node.address) not in balancers
    assert [node.zone for node in made.nodes] == ["zone-1", "zone-2", "zone-3"]


def test_a_control_plane_alone_stays_on_the_machine() -> None:
    assert instance(count=0).host == "127.0.0.1"
    assert instance(count=0).nodes == []


def test_two_folders_are_two_sandboxes_and_a_link_name_fits_the_kernel() -> None:
    assert short_name(Path("/srv/a")) != short_name(Path("/srv/b"))
    assert len(instance().link) <= 15


def test_an_interrupted_write_leaves_the_old_text(tmp_path: Path) -> None:
    file = write(tmp_path / "f", "old")
    with pytest.raises(TypeError):
        write(file, None)  # type: ignore[arg-type]
    assert file.read_text() == "old"
