"""look_again: an image that arouses suspicion is decoded once more, and shown to the model turned and from nearer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import structlog

from pipeline.errors import StopError
from pipeline.items import Batch, Item, Pixels
from pipeline.path.keeps import Keeps, no_image
from pipeline.ports import Decoder, Encoder, Hooks
from pipeline.rules.archive.remembered import as_kept
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.images.views import TILES_ALONG
from pipeline.rules.second_look import BARS, TURNS, SecondLook, suspects, turned
from pipeline.signals import Closer, Regions, Signals
from pipeline.wire import Turned

MOST_TILES = 2 * TILES_ALONG**2
"""Each over two backdrops, where the picture is transparent."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Views:
    """What the model is to be shown of one item: as many pixels, regions and turns as there are views."""

    item: Item
    signals: Signals
    pixels: Pixels
    regions: Regions
    turned: tuple[Turned | None, ...]


class LookAgain:
    """What goes wrong here fails no item: then what the first look saw decides, and a note says so.

    Neither pixels nor what comes of a second look is remembered, so a repeat of a suspicious image costs as much.
    """

    name = "look_again"

    def __init__(
        self,
        decoder: Decoder,
        encoder: Encoder,
        live: Callable[[], CompiledPolicies],
        hooks: Hooks,
        *,
        look: SecondLook,
        at_most: int,
        keeps: Keeps = no_image,
    ) -> None:
        """The model is shown `at_most` views in one pass, or those of one item. `keeps` is as in `Decode`."""
        self._decoder = decoder
        self._encoder = encoder
        self._live = live
        self._hooks = hooks
        self._look: SecondLook = look
        self._at_most = at_most
        self._keeps = keeps

    def __call__(self, batch: Batch) -> Batch:
        """Fill `closer` of the signals of suspicious items, and let go of each `image`. Raises `EncoderError`."""
        waiting, count, looks, shown = list[_Views](), 0, 0, 0
        for made in self._made(batch):
            if waiting and count + len(made.pixels) > self._at_most:
                self._encode(waiting)
                waiting, count = [], 0
            waiting.append(made)
            count, looks, shown = count + len(made.pixels), looks + 1, shown + len(made.pixels)
        if waiting:
            self._encode(waiting)
        if looks:
            self._hooks.looked_again(looks, shown)
        for item in batch.items:
            if not self._keeps(item):
                item.image = b""
        return batch

    def _made(self, batch: Batch) -> Iterator[_Views]:
        ready = [(item, item.signals) for item in batch.unfailed() if item.signals is not None]
        found = _suspects([signals for _, signals in ready], self._live()) if ready else {}
        for at, view in found.items():
            item, signals = ready[at]
            try:
                made = self._views(item, signals, view)
            except StopError:
                raise
            except Exception as error:  # noqa: BLE001 - any type of exception can come out of a stranger's bytes
                _failed(item, str(error) or type(error).__name__)
            else:
                if made is not None:
                    yield made

    def _views(self, item: Item, signals: Signals, view: int) -> _Views | None:
        """None where a model that is not square leaves nothing to turn. Raises what the decoder raises."""
        first = self._decoder.decode(item.image)
        made = [(how, turned(first.pixels[view], how)) for how in TURNS[self._look]]
        fitting = [(how, pixels) for how, pixels in made if pixels is not None]
        hows: list[Turned | None] = [how for how, _ in fitting]
        pixels, regions = [pixels for _, pixels in fitting], [first.regions[view : view + 1]] * len(fitting)
        if self._look == "all" and signals.frames == 1:
            tiles = self._decoder.tiles(item.image)
            pixels += list(tiles.pixels[:MOST_TILES])
            regions.append(tiles.regions[:MOST_TILES])
            hows += [None] * len(tiles.pixels[:MOST_TILES])
        return _Views(item, signals, np.stack(pixels), np.concatenate(regions), tuple(hows)) if pixels else None

    def _encode(self, waiting: list[_Views]) -> None:
        features = self._encoder.encode_images(np.concatenate([each.pixels for each in waiting]))
        self._hooks.encoded(len(features))
        start = 0
        for each in waiting:
            stop = start + len(each.pixels)
            rows, start = as_kept(features[start:stop]), stop
            if not np.isfinite(rows).all():
                _failed(each.item, "features that are not finite")
                continue
            closer = Closer(rows, each.regions, each.signals.made_by, turned=each.turned, bar=BARS[self._look])
            each.item.signals = replace(each.signals, closer=closer)
            each.item.notes += (f"looked at again: {len(rows)} views, which count from {closer.bar} on",)


def _suspects(images: list[Signals], compiled: CompiledPolicies) -> dict[int, int]:
    """As `suspects`; one image that cannot be judged takes no other's second look away."""
    try:
        return suspects(images, compiled)
    except StopError:
        raise
    except Exception:  # noqa: BLE001 - deciding it fails as well, and says why
        if len(images) == 1:
            return {}
        alone = [_suspects([each], compiled) for each in images]
        return {at: found[0] for at, found in enumerate(alone) if found}


def _failed(item: Item, why: str) -> None:
    event = item.event
    place = {"topic": event.topic, "partition": event.partition, "offset": event.offset}
    _log.warning("second_look_failed", **place, error=why)
    item.notes += ("a second look failed, and the first decides",)
