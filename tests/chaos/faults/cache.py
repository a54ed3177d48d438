"""Redis killed, frozen, and filled with rubbish."""

from __future__ import annotations

from tests.chaos.faults.fault import Fault
from tests.chaos.rig import Rig

RUBBISH = (b"", b"abc", b"\x00" * 127, b"\xff" * 4096, b"nan", b"x" * 100_000)


class RedisKilled(Fault):
    """Killed, and away for a while; then empty."""

    name = "redis-killed"
    lasts = 6.0

    def begin(self, rig: Rig) -> None:
        rig.redis.kill()

    def end(self, rig: Rig) -> None:
        rig.redis.start()


class RedisStopped(Fault):
    name = "redis-stopped"
    lasts = 8.0

    def begin(self, rig: Rig) -> None:
        rig.redis.pause()

    def end(self, rig: Rig) -> None:
        rig.redis.resume()


class RedisRubbish(Fault):
    """Every key of ours holds something else: bytes of a wrong length, no numbers, other kinds of value."""

    name = "redis-rubbish"

    def begin(self, rig: Rig) -> None:
        with rig.redis.client() as client:
            keys = sorted(client.scan_iter("sluice:*", count=1000))
            for key in keys:
                client.delete(key)
                if self.draw.random() < 0.2:
                    client.rpush(key, "item")
                else:
                    client.set(key, self.draw.choice(RUBBISH))
        self.told = f"{len(keys)} keys"
