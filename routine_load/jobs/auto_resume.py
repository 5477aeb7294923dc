"""When a paused job resumes by itself (StarRocks: automatic resume; Doris: auto-resume).

Owns the decision. Refuses to know clocks, backends and Kafka: facts are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from routine_load.ids import Compat
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.states import DorisReason, Reason, StarRocksReason

_STARROCKS_ATTEMPTS_MAX = 3
_DORIS_NEVER = frozenset({DorisReason.MANUAL_PAUSE, DorisReason.TOO_MANY_FAILURE_ROWS, DorisReason.CANNOT_RESUME})
_DORIS_WAIT_MAX_S = 300
_EXPONENT_MAX = 5  # 2^5 * 10 is past the longest wait already


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoResumeMemory:
    """What is remembered of automatic resumes since the last manual one."""

    since: datetime | None = None
    count: int = 0
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class AutoResumeDecision:
    """Whether to resume now, and what to remember in either case."""

    resume: bool
    memory: AutoResumeMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoResumeFacts:
    """What the decision depends on besides the job."""

    now: datetime
    dead_backends: int
    config: FrontendConfig


def may_ever(compat: Compat, reason: Reason | None) -> bool:
    """Whether a job that was paused for this may resume by itself at all."""
    if reason is None:
        return False
    if compat is Compat.DORIS:
        return reason.code not in _DORIS_NEVER
    return reason.code == StarRocksReason.REPLICA_FEW


def decide(
    compat: Compat, reason: Reason | None, memory: AutoResumeMemory, facts: AutoResumeFacts
) -> AutoResumeDecision:
    """Decide for one PAUSED job in one scheduler round."""
    if (
        reason is None
        or not may_ever(compat, reason)
        or facts.dead_backends > facts.config.max_tolerable_backend_down_num
    ):
        return AutoResumeDecision(False, memory)
    period = timedelta(minutes=facts.config.period_of_auto_resume_min)
    if memory.since is not None and memory.since > facts.now:
        # the clock went back, or another coordinator's is ahead: nobody waits until then
        memory = replace(memory, since=facts.now)
    if compat is Compat.DORIS:
        return _doris(memory, facts.now, period)
    return _starrocks(memory, facts.now, period)


def _starrocks(memory: AutoResumeMemory, now: datetime, period: timedelta) -> AutoResumeDecision:
    """Only for too few replicas; three times within the period, then never until a manual RESUME."""
    if memory.is_locked:
        return AutoResumeDecision(False, memory)
    if memory.since is None or now - memory.since > period:
        return AutoResumeDecision(True, AutoResumeMemory(since=now, count=1))
    if memory.count >= _STARROCKS_ATTEMPTS_MAX:
        return AutoResumeDecision(False, replace(memory, is_locked=True))
    return AutoResumeDecision(True, replace(memory, count=memory.count + 1))


def _doris(memory: AutoResumeMemory, now: datetime, period: timedelta) -> AutoResumeDecision:
    """For all but a manual pause, too many bad rows, and what cannot get better; waits double up to five minutes."""
    if memory.since is None or now - memory.since >= period:
        return AutoResumeDecision(True, AutoResumeMemory(since=now, count=1))
    wait_s = min(2 ** min(memory.count, _EXPONENT_MAX) * 10, _DORIS_WAIT_MAX_S)
    if now - memory.since <= timedelta(seconds=wait_s):
        return AutoResumeDecision(False, memory)
    return AutoResumeDecision(True, AutoResumeMemory(since=now, count=memory.count + 1))
