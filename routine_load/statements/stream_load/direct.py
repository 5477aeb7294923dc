"""Direct loads: one request that begins, loads and commits, or (Doris) prepares."""

from __future__ import annotations

from dataclasses import replace

from routine_load.errors import RoutineLoadError
from routine_load.ids import Compat
from routine_load.loads.open_transaction import OpenTransaction
from routine_load.statements.stream_load.beginning import begin
from routine_load.statements.stream_load.plan import Head, LoadPlan
from routine_load.statements.stream_load.running import (
    CLIENT_GONE,
    Loading,
    Stopwatch,
    give_up,
    refused,
    told,
    with_records,
)
from routine_load.statements.stream_load.values import ClientGone, LoadOutcome, LoadRequest
from routine_load.statements.stream_load.words import Refused, by_front_end


def load(loading: Loading, request: LoadRequest, front: Head) -> LoadOutcome:
    """Never raises a refusal. Raises ClientGone."""
    watch = Stopwatch(loading.context)
    try:
        with watch.part("begin"):
            transaction = begin(loading.context, request, front)
    except Refused as error:
        return replace(refused(request, error, front.label), times=watch.times)
    outcome = LoadOutcome(status="Success", message="OK", table=request.table, two_phase=front.two_phase)
    records_max = 0
    try:
        with watch.part("plan"):
            plan = loading.plan(request, front)
        records_max = plan.records_max
        _run(loading, request, (plan, transaction), watch)
    except Refused as error:
        give_up(transaction, error.text)
        outcome = replace(outcome, status=error.status, message=error.said(request.session.compat))
    except ClientGone:
        give_up(transaction, CLIENT_GONE)
        raise
    except BaseException as error:
        give_up(transaction, type(error).__name__)
        raise
    return with_records(loading.context, replace(told(outcome, transaction), times=watch.times), records_max)


def _run(loading: Loading, request: LoadRequest, begun: tuple[LoadPlan, OpenTransaction], watch: Stopwatch) -> None:
    """Raises Refused, ClientGone."""
    plan, transaction = begun
    loading.load(request, plan, transaction, watch)
    loading.require_tolerable(transaction, plan.max_filter_ratio)
    try:
        if plan.head.two_phase:
            config = loading.context.frontend_config(Compat.DORIS)
            transaction.prepare(config.stream_load_default_precommit_timeout_second)
        else:
            with watch.part("commit"):
                transaction.commit()
    except RoutineLoadError as error:
        raise by_front_end(error) from error
