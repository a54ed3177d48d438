"""What is worth knowing of policies that hold, and is rarely meant."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.errors import Problem
from pipeline.rules.policies.names import NO_POLICY
from pipeline.rules.policies.policy_set import KnownList, Location, Policy, PolicySet
from pipeline.rules.policies.yaml_lines import Located, load

LONG = 30
"""Days after its last one from which on an entry of a list is more likely forgotten than kept for the record."""


def worth_knowing(folder: Path, policy_set: PolicySet, files: Mapping[str, bytes]) -> Iterator[Problem]:
    """A note for each, where it stands; `files` are those that the set was made of."""
    for policy in policy_set.active:
        where = policy.where or Location(policy.id)
        located = load(files[where.file].decode("utf-8-sig")) if where.file in files else Located({})
        yield from _of(policy, where, located)
        yield from _of_tests(policy, where, located)
        if not policy_set.defaults.background and not policy.unless:
            yield where.problem("no background and no 'unless': a worker refuses it, unless its model is a SigLIP")
        for listed in policy.lists.hashed:
            yield from _expired(listed)
    if not policy_set.active:
        yield Problem(folder.as_posix(), 0, "every policy is off: nothing is flagged")


def _of(policy: Policy, where: Location, located: Located) -> Iterator[Problem]:
    if policy.lowest <= 0:
        yield Problem(where.file, 0, "a threshold of 0 is reached by every image")
    if policy.limits is not None and policy.mode == "shadow":
        said = "'limits' hold nothing in mode shadow; they count once the mode is enforce"
        yield Problem(where.file, located.line(("limits",)), said)
    if len(policy.examples.match) == 1:
        yield policy.examples.match[0].where.problem("one example is not used: show two or more that match")
    for key, of in (("examples", ("match", "look_alike")), ("lists", ("block", "allow"))):
        for name in of:
            if (located.value.get(key) or {}).get(name) == []:
                said = f"'{key}.{name}' is empty: it changes nothing; name pictures, or delete it"
                yield Problem(where.file, located.line((key, name)), said)


def _of_tests(policy: Policy, where: Location, located: Located) -> Iterator[Problem]:
    """What labelled images and samples cannot say of it."""
    if policy.id in NO_POLICY:
        said = "labelled images that show no policy are called so: `sluice policy calibrate` finds none that show it"
        yield Problem(where.file, 0, f"{said}; rename the file")
    seen: dict[str, tuple[str, int]] = {}
    for key, samples in (("must_flag", policy.must_flag), ("must_pass", policy.must_pass)):
        for at, sample in enumerate(samples):
            line = located.line(("tests", key, at))
            if sample in seen:
                first, before = seen[sample]
                do = "keep one" if first == key else "one of the two must fail"
                yield Problem(where.file, line, f"{sample!r} stands under {first!r} already, in line {before}; {do}")
            seen.setdefault(sample, (key, line))


def _expired(listed: KnownList) -> Iterator[Problem]:
    """The first entry that expired long ago, and how many did."""
    from pipeline.rules.known.entries import day_of  # noqa: PLC0415 - brings numpy, as the list itself did

    long_ago = listed.entries.last_days < day_of(time.time()) - LONG
    if not long_ago.any():
        return
    first, count = int(long_ago.argmax()), int(long_ago.sum())
    others = f", as {count - 1:,} other{'s' if count > 2 else ''} did" if count > 1 else ""  # noqa: PLR2004
    said = f"expired on {listed.entries.expires(first)}{others}: counts no more; delete it, or set another day"
    yield listed.problem(first, said)
