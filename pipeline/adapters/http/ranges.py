"""Ranges of addresses that are not the open internet, and where that is written: data alone.

They stand here and are not asked of ``ipaddress``, whose answers differ from one release of Python to the next. When
a registry gains a block, it gains a line here; the dates say what this copy has seen.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network


def _networks(table: str) -> tuple[Network, ...]:
    return tuple(ip_network(line.split()[0]) for line in table.splitlines() if line.strip())


GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All of version 6 that is given out: https://www.iana.org/assignments/ipv6-address-space"""

NAT64 = IPv6Network("64:ff9b::/96")
"""The one block of stand-ins that leads to stores: where a network speaks version 6 alone (RFC 6052)."""

SPECIAL = _networks("""
    0.0.0.0/8           this network                        RFC 791
    10.0.0.0/8          private use                         RFC 1918
    100.64.0.0/10       shared address space                RFC 6598
    127.0.0.0/8         loopback                            RFC 1122
    169.254.0.0/16      link-local                          RFC 3927
    172.16.0.0/12       private use                         RFC 1918
    192.0.0.0/24        IETF protocol assignments           RFC 6890
    192.0.2.0/24        documentation                       RFC 5737
    192.31.196.0/24     AS112                               RFC 7535
    192.52.193.0/24     AMT                                 RFC 7450
    192.88.99.0/24      6to4 relays, deprecated             RFC 7526
    192.168.0.0/16      private use                         RFC 1918
    192.175.48.0/24     AS112                               RFC 7534
    198.18.0.0/15       benchmarking                        RFC 2544
    198.51.100.0/24     documentation                       RFC 5737
    203.0.113.0/24      documentation                       RFC 5737
    224.0.0.0/4         multicast                           RFC 5771
    240.0.0.0/4         reserved, and limited broadcast     RFC 1112, RFC 919
    ::/128              unspecified                         RFC 4291
    ::1/128             loopback                            RFC 4291
    ::/96               compatible with IPv4, deprecated    RFC 4291
    ::ffff:0:0/96       mapped from IPv4                    RFC 4291
    ::ffff:0:0:0/96     translated from IPv4                RFC 2765
    64:ff9b:1::/48      NAT64 for local use                 RFC 8215
    100::/64            discard only                        RFC 6666
    100:0:0:1::/64      dummy prefix                        RFC 9780
    2001::/23           IETF protocol assignments: Teredo, benchmarking, AMT, AS112, ORCHID   RFC 2928
    2001:db8::/32       documentation                       RFC 3849
    2002::/16           6to4, deprecated                    RFC 3056, RFC 7526
    2620:4f:8000::/48   AS112                               RFC 7534
    3fff::/20           documentation                       RFC 9637
    5f00::/16           segment routing (SRv6) SIDs         RFC 9602
    fc00::/7            unique local                        RFC 4193
    fe80::/10           link-local                          RFC 4291
    fec0::/10           site-local, deprecated              RFC 3879
    ff00::/8            multicast                           RFC 4291
""")
"""Special-purpose addresses as of 2025-10, with multicast, and with what older documents reserved beside them.

https://www.iana.org/assignments/iana-ipv4-special-registry and .../iana-ipv6-special-registry. Blocks that are
reachable from everywhere, such as AS112's, are here as well: no store of images stands in them.
"""

PRIVATE = _networks("""
    10.0.0.0/8          private use
    100.64.0.0/10       shared address space, which clusters use as well
    127.0.0.0/8         loopback
    172.16.0.0/12       private use
    192.168.0.0/16      private use
    ::1/128             loopback
    fc00::/7            unique local
""")
"""Where stores inside a network stand: the special addresses that an operator can allow, but for `METADATA`."""

METADATA = _networks("""
    169.254.0.0/16      nearly everybody's metadata, and credentials for containers: link-local as a whole
    168.63.129.16/32    Azure: the host's own channel, at a public address
    192.0.0.192/32      Oracle Cloud Classic
    100.100.100.200/32  Alibaba Cloud
    fd00:ec2::/32       AWS: metadata ::254, EKS credentials ::23, name servers ::253, time ::123
    fd20:ce::/64        Google Cloud: metadata ::254
    fd00:c1::/64        Oracle Cloud: metadata ::a9fe:a9fe
    fd00:a9fe:a9fe::/48 Akamai (Linode): metadata ::1
    fd00:42::42/128     Scaleway
    fe80::/10           link-local, as OpenStack's fe80::a9fe:a9fe
""")
"""Where a cloud tells its machines their credentials. No registry lists these: they are in the clouds' manuals."""
