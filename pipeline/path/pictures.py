"""The example pictures of policies: from files beside them to the signals that a head is fitted to.

They go through the very decoder and encoder of the images that are moderated, so they are seen as those are, and one
that is made to do harm meets the same limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipeline.errors import EncoderError, ItemError, PolicyError, Problem
from pipeline.path.encode import NOT_FINITE
from pipeline.ports import Decoded, Decoder, Encoder, FeatureCache
from pipeline.rules.archive.remembered import as_kept
from pipeline.rules.policies.assets import Asset, Assets, is_neutral
from pipeline.rules.policies.policy_set import AssetName, Location, PolicySet
from pipeline.signals import Provenance, Signals

AT_ONCE = 32
"""Pictures that are in memory as pixels at a time."""


class Pictures:
    """Makes signals of pictures. It keeps none itself but in the cache, so threads may share it."""

    def __init__(
        self, encoder: Encoder, decoder: Decoder, cache: FeatureCache, neutral: Callable[[], Assets] = dict
    ) -> None:
        """`neutral` gives the pictures that examples are told apart from, where a set brings none itself."""
        self._neutral = neutral
        self._encoder = encoder
        self._decoder = decoder
        self._cache = cache
        self._made_by = Provenance(encoder.spec.ref, decoder.name)

    def seen(self, policy_set: PolicySet, assets: Assets) -> dict[str, Asset]:
        """`assets`, those of them that are examples with signals and without content, and neutral pictures likewise.

        Signals that came with an asset, as an archive keeps them, are taken where this model made them. Raises
        `PolicyError` for pictures that cannot be had, each with its file and line, and `EncoderError`.
        """
        if not any(map(is_neutral, assets)):
            assets = {**self._neutral(), **assets}
        neutral = [asset for path, asset in assets.items() if is_neutral(path)]
        names = {each.path: AssetName(each.path, each.sha256, Location(each.path)) for each in neutral}
        names |= {each.path: each for policy in policy_set.active for each in policy.pictures}
        known = self._known([assets[path] for path in names])
        problems, waiting = list[Problem](), list[Asset]()
        for path, name in names.items():
            asset = assets[path]
            if asset.sha256 in known:
                continue
            if asset.content:
                waiting.append(asset)
            else:
                problems.append(name.where.problem(_gone(asset, self._made_by)))
        for start in range(0, len(waiting), AT_ONCE):
            known |= self._made(waiting[start : start + AT_ONCE], names, problems)
        if problems:
            raise PolicyError(problems)
        seen = {path: replace(assets[path], content=b"", signals=known[assets[path].sha256]) for path in names}
        every = {each.path for policy in policy_set.policies for each in policy.examples.pictures}
        of_what_is_off = {path: replace(assets[path], content=b"") for path in every - names.keys()}
        return {**assets, **of_what_is_off, **seen}

    def _known(self, pictures: Iterable[Asset]) -> dict[str, Signals]:
        mine = {each.sha256: each.signals for each in pictures}
        came = {
            digest: each for digest, each in mine.items() if each is not None and _same(each.made_by, self._made_by)
        }
        wanted = [digest for digest in mine if digest not in came]
        return {**came, **(self._cache.get(wanted) if wanted else {})}

    def _made(
        self, pictures: Sequence[Asset], names: Mapping[str, AssetName], problems: list[Problem]
    ) -> dict[str, Signals]:
        decoded: dict[str, Decoded] = {}
        for picture in pictures:
            try:
                decoded[picture.path] = self._decoder.decode(picture.content)
            except ItemError as error:
                problems.append(names[picture.path].where.problem(f"{picture.path!r} cannot be read: {error}"))
        if not decoded:
            return {}
        features = self._encoder.encode_images(np.concatenate([each.pixels for each in decoded.values()]))
        if not np.isfinite(features).all():
            raise EncoderError(f"the model makes of example pictures {NOT_FINITE}")
        start, found, digests = 0, dict[str, Signals](), {each.path: each.sha256 for each in pictures}
        for path, each in decoded.items():
            views, digest = as_kept(features[start : start + len(each.regions)]), digests[path]
            found[digest] = Signals(views, each.regions, self._made_by, each.unseen, content_sha256=digest)
            start += len(each.regions)
        self._cache.put(found)
        return found


def _same(one: Provenance, other: Provenance) -> bool:
    """Whether features of the two can be compared; a dtype moves their last digits."""
    return (one.model.fingerprint, one.preprocess) == (other.model.fingerprint, other.preprocess)


def _gone(asset: Asset, made_by: Provenance) -> str:
    if asset.signals is None:
        return f"{asset.path!r} was not kept with its policy set, so that it cannot be judged by again"
    then, now = (
        f"{by.model.name}@{by.model.fingerprint} ({by.preprocess})" for by in (asset.signals.made_by, made_by)
    )
    return f"of {asset.path!r} only features are left, which {then} made, and here is {now}"
