"""Every fault there is, by its name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.chaos.faults import aimed, broker, cache, edits, network, poisoned, processes, scaling, stream
from tests.chaos.faults.fault import Fault

FAULTS: Mapping[str, type[Fault]] = {
    each.name: each
    for each in (
        processes.KillWorker,
        aimed.KillAimed,
        processes.KillEncoder,
        processes.KillSupervisor,
        processes.KillAll,
        processes.FreezeBriefly,
        processes.FreezePastSession,
        processes.FreezePastPoll,
        processes.FreezeEncoder,
        broker.BrokerKilled,
        broker.BrokerAway30,
        broker.BrokerAway90,
        broker.BrokerHung,
        cache.RedisKilled,
        cache.RedisStopped,
        cache.RedisRubbish,
        scaling.WorkerAdded,
        scaling.WorkerRemoved,
        scaling.PartitionsAdded,
        stream.TopicRecreated,
        stream.EventsExpired,
        edits.PolicyGood,
        edits.PolicyBad,
        edits.PolicyHalfWritten,
        poisoned.PoisonAtTheHead,
        poisoned.DecoderDies,
        poisoned.DecoderHangs,
        poisoned.KillDecoder,
        network.NetworkSlow,
        network.NetworkCut,
        network.NetworkHalfOpen,
        network.NetworkSwallows,
        network.NetworkHangsUp,
    )
}

KILLS = ("kill-worker", "kill-aimed", "kill-encoder", "kill-supervisor")
"""Faults of a moment, which may come while another one lasts."""
