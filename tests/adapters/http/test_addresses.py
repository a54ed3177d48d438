"""Which addresses a claim check may lead to, by the table and not by what this Python knows of them."""

from __future__ import annotations

import socket
from contextlib import closing
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.http import HttpFetcher
from pipeline.adapters.http.addresses import is_public, is_usable
from pipeline.errors import ItemError, Reason, RetryError
from pipeline.wire import Claim


def listed(text: str) -> list[str]:
    return text.split()


REGISTERED = listed("""
    0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29
    192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/31 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24
    192.88.99.0/24 192.88.99.2/32 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
    240.0.0.0/4 255.255.255.255/32
    ::1/128 ::/128 ::ffff:0:0/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128
    2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28
    2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10
""")
"""Both registries of special-purpose addresses as IANA had them in October 2025, but for 64:ff9b::/96."""
BESIDE = listed("224.0.0.0/4 ff00::/8 ::/96 ::ffff:0:0:0/96 fec0::/10 400::/6 4000::/3 8000::/1 a000::/3")
"""Multicast, what older documents reserved, and what nobody has been given."""
METADATA = listed("""
    169.254.169.254 169.254.170.2 169.254.170.23 169.254.169.253 169.254.42.42 169.254.0.23 168.63.129.16 192.0.0.192
    100.100.100.200 fd00:ec2::254 fd00:ec2::23 fd00:ec2::253 fd20:ce::254 fd00:42::42 fd00:c1::a9fe:a9fe
    fd00:a9fe:a9fe::1 fe80::a9fe:a9fe
""")
PUBLIC = listed("""
    8.8.8.8 93.184.216.34 1.0.0.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0
    192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
    2000::1 2001:200::1 2001:db7:ffff::1 2001:db9::1 2003::1 2606:4700:4700::1111 3ffe:ffff::1 3fff:1000::1
    64:ff9b::808:808 64:ff9b::5db8:d822
""")
"""Many of them are the next-door neighbours of a block."""


def disguises(address: IPv4Address) -> list[str]:
    """The same place, written in version 6: mapped, compatible, translated, 6to4, Teredo, NAT64 of both kinds."""
    high, rest = divmod(int(address), 1 << 16)
    xhigh, xrest = high ^ 0xFFFF, rest ^ 0xFFFF
    return [
        f"::ffff:{address}",
        f"::ffff:{high:x}:{rest:x}",
        f"::{high:x}:{rest:x}",
        f"::{address}",
        f"::ffff:0:{high:x}:{rest:x}",
        f"2002:{high:x}:{rest:x}::1",
        f"2001:0:808:808::{xhigh:x}:{xrest:x}",
        f"2001:0:{high:x}:{rest:x}::f7f7:f7f7",
        f"64:ff9b::{high:x}:{rest:x}",
        f"64:ff9b::{address}",
        f"64:ff9b:1::{high:x}:{rest:x}",
        f"64:ff9b:1:{high:x}:{rest >> 8:x}:{rest & 0xFF:x}00::",
    ]


@st.composite
def addresses_in(draw: st.DrawFn, blocks: list[str]) -> IPv4Address | IPv6Address:
    network: IPv4Network | IPv6Network = ip_network(draw(st.sampled_from(blocks)))
    number = draw(
        st.one_of(
            st.sampled_from([int(network[0]), int(network[-1])]), st.integers(int(network[0]), int(network[-1]))
        )
    )
    return IPv4Address(number) if network.version == 4 else IPv6Address(number)


@given(addresses_in([*REGISTERED, *BESIDE]))
def test_no_special_address_passes_in_any_disguise(address: IPv4Address | IPv6Address) -> None:
    written = [str(address), *(disguises(address) if isinstance(address, IPv4Address) else [])]
    assert [each for each in written if is_public(each)] == []


@pytest.mark.parametrize("block", [*REGISTERED, *BESIDE])
def test_the_first_and_the_last_address_of_every_registered_block_are_refused(block: str) -> None:
    network = ip_network(block)
    assert not is_public(str(network[0]))
    assert not is_public(str(network[-1]))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass_be_they_next_to_a_special_block(address: str) -> None:
    assert is_public(address)
    assert is_usable(address)


@pytest.mark.parametrize("address", METADATA)
def test_metadata_stays_out_of_reach_in_every_disguise_where_private_addresses_are_allowed(address: str) -> None:
    written = [address]
    if "." in address:
        written += disguises(IPv4Address(address))
    assert [each for each in written if is_public(each) or is_usable(each)] == []


@pytest.mark.parametrize("prefix", ["fd12:3456:789a:64::", "2a00:1234:64::", "fd00:5efe::200:5efe:"])
def test_a_networks_own_prefix_for_version_4_hides_no_metadata_service(prefix: str) -> None:
    for address in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192"):
        assert not is_usable(f"{prefix}{address}")


@given(addresses_in(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fd99::/16", "::1/128"]))
def test_private_addresses_can_be_allowed(address: IPv4Address | IPv6Address) -> None:
    assert is_usable(str(address))
    assert not is_public(str(address))


@given(addresses_in(["0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4"]))
def test_what_is_neither_public_nor_private_stays_out_of_reach(address: IPv4Address | IPv6Address) -> None:
    assert not is_usable(str(address))


@given(addresses_in(["10.0.0.0/8", "127.0.0.0/8", "192.168.0.0/16"]))
def test_a_private_address_is_allowed_as_it_is_and_in_no_disguise(address: IPv4Address) -> None:
    assert [each for each in disguises(address) if is_usable(each)] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rubbish",
        "fe80::1%eth0",
        "fd00::1%1",
        "8.8.8.8%1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "1.2.3",
        "[::1]",
    ],
)
def test_what_is_no_plain_address_does_not_pass(text: str) -> None:
    assert not is_public(text)
    assert not is_usable(text)


@given(st.one_of(st.ip_addresses().map(str), st.text(max_size=40)))
def test_any_text_gets_an_answer_and_what_is_public_is_usable(address: str) -> None:
    assert is_usable(address) or not is_public(address)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::ffff:127.0.0.1]", "[::1]"]
)
def test_a_host_that_is_a_number_is_judged_by_the_address_it_stands_for(host: str, connected: list[str]) -> None:
    """The system's resolver reads all of these; none of them needs a name server."""
    with (
        closing(HttpFetcher([host], allowed_schemes=("http",), timeout=2.0)) as made,
        pytest.raises(ItemError) as caught,
    ):
        made.fetch(Claim(f"http://{host}/"))
    assert caught.value.reason is Reason.FETCH_REFUSED
    assert "not a public address" in str(caught.value)
    assert connected == []


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    answers = [(socket.AF_UNSPEC, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)


@pytest.mark.parametrize("address", [*METADATA, "64:ff9b::a9fe:a9fe", "::ffff:169.254.169.254", "2002:a9fe:a9fe::1"])
def test_a_name_that_stands_for_a_metadata_service_is_refused_unasked(
    address: str, connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "10.0.0.1", address)
    with (
        closing(HttpFetcher(["store.example"], allow_private=True, timeout=2.0)) as made,
        pytest.raises(ItemError) as caught,
    ):
        made.fetch(Claim("https://store.example/"))
    assert caught.value.reason is Reason.FETCH_REFUSED
    assert address in str(caught.value)
    assert connected == []


def test_the_address_that_was_checked_is_the_one_that_is_asked(
    connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "8.8.8.8", "64:ff9b::808:404")
    with closing(HttpFetcher(["store.example"], timeout=5.0)) as made, pytest.raises(RetryError):
        made.fetch(Claim("https://store.example/"))
    assert set(connected) == {"8.8.8.8", "64:ff9b::808:404"}
