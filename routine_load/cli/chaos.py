"""``routine-load chaos``: the proof that nothing is lost or doubled, for a job of one's own."""

from __future__ import annotations

import os
import random
import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final, Never

import typer

from routine_load.cli.speaking import spoken_errors
from routine_load.errors import PropertyError
from routine_load.ids import Compat

if TYPE_CHECKING:
    from routine_load.testing.chaos.play import Kafka, Outcome

Minutes = Annotated[float, typer.Option(min=0.01, max=10_000.0, help="How long messages are produced and kills made.")]
JobFile = Annotated[
    Path | None,
    typer.Option(
        "--job", help="SQL that makes database, table and job; ${BROKERS} stands for --kafka. [a job of 3 columns]"
    ),
]
Message = Annotated[
    str | None, typer.Option(help="A message, with $n for its number and $partition. [$n,$partition,xxx…]")
]
Number = Annotated[str, typer.Option(metavar="COLUMN", help="The table's column that holds the message's number.")]
KafkaAt = Annotated[
    str | None,
    typer.Option("--kafka", help="What ${BROKERS} is: embedded, apache (killed, too), or host:port. [embedded]"),
]
Rate = Annotated[float, typer.Option(min=1.0, max=1_000_000.0, help="Messages a second.")]
Every = Annotated[float, typer.Option(min=0.05, max=3600.0, help="Seconds between two faults, in the mean.")]
Coordinators = Annotated[int, typer.Option(min=1, max=16, help="More than one want RL_METADATA_URL and RL_TARGET.")]
BackendsElsewhere = Annotated[int, typer.Option(min=0, max=64, help="Backends in processes of their own. [0: inside]")]
Vendor = Annotated[str, typer.Option("--compat", metavar="VENDOR", help="starrocks or doris.")]
Seed = Annotated[int | None, typer.Option(help="Of the dice. [a new one, which is printed]")]
DataDir = Annotated[Path | None, typer.Option(help="Empty; kept afterwards, with the logs. [a temporary one]")]

_FAILED: Final = 1
_ADDRESSES: Final = re.compile(r"[^\s,]+:\d{1,5}(,[^\s,]+:\d{1,5})*")


def add_to(app: typer.Typer) -> None:
    app.command("chaos")(chaos)


def chaos(  # noqa: PLR0913 - one parameter a flag, as Typer wants it
    *,
    minutes: Minutes = 1.0,
    job: JobFile = None,
    message: Message = None,
    number: Number = "n",
    kafka: KafkaAt = None,
    rate: Rate = 2000.0,
    every: Every = 2.0,
    coordinators: Coordinators = 1,
    backends_elsewhere: BackendsElsewhere = 0,
    compat: Vendor = "starrocks",
    seed: Seed = None,
    data_dir: DataDir = None,
) -> None:
    """Load numbered messages while the service is killed again and again. Exit code 1 when one is lost or doubled."""
    with spoken_errors(), _interruptible(), ExitStack() as ending:
        from routine_load.testing.chaos import play  # noqa: PLC0415 - a wrong flag answers at once
        from routine_load.testing.chaos.world import Shape, World  # noqa: PLC0415 - likewise
        from routine_load.testing.feeder import BrokerFailed  # noqa: PLC0415 - likewise

        vendor = _vendor(compat)
        if coordinators > 1 and not {"RL_METADATA_URL", "RL_TARGET"} <= os.environ.keys():
            raise PropertyError(
                f"--coordinators {coordinators}: several need RL_METADATA_URL and RL_TARGET in the environment"
            )
        if job is not None and message is None:
            raise PropertyError("--job is given without --message, which says how its messages look")
        choices = play.Choices(
            seconds=minutes * 60,
            message=play.DEFAULT_MESSAGE if message is None else message,
            number=number,
            rate=rate,
            every_s=every,
            seed=random.randrange(1 << 32) if seed is None else seed,  # noqa: S311 - it is printed
        )
        folder = _folder(data_dir, ending)
        shape = Shape(coordinators=coordinators, backends=backends_elsewhere, compat=vendor)
        try:
            text = _job_text(job, play.DEFAULT_JOB)
            broker = _broker(_brokers_of(text, vendor, kafka), ending)
            subject = play.read_subject(text, vendor, broker.bootstrap)
            outcome = play.play(World(folder, shape), broker, subject, choices, _tell)
        except BrokerFailed as error:
            typer.echo(f"routine-load: {error}", err=True)
            raise typer.Exit(_FAILED) from error
        _say(outcome, choices.seed)
        if not outcome.is_clean:
            raise typer.Exit(_FAILED)


def _tell(progress: str) -> None:
    typer.echo(progress, err=True)


def _say(outcome: Outcome, seed: int) -> None:
    verdict, campaign = outcome.verdict, outcome.campaign
    told = {
        "seconds": f"{outcome.seconds:.0f}",
        "seed": str(seed),
        "messages": str(verdict.messages),
        "kills": f"{campaign.kills}, other faults {campaign.others} ({campaign.told()})",
        "rows": str(verdict.rows),
        "lost": str(verdict.lost),
        "doubled": str(verdict.doubled),
        "phantom": str(verdict.phantom),
        "miscounted": str(verdict.miscounted),
    }
    if not outcome.runs:
        told["job"] = f"{outcome.state}: {outcome.reason}"
    for name, value in told.items():
        typer.echo(f"{name:<11} {value}")
    for example in verdict.examples:
        typer.echo(f"  {example}")


def _vendor(text: str) -> Compat:
    try:
        return Compat(text.lower())
    except ValueError as error:
        raise PropertyError(f"--compat = {text!r} is not allowed; allowed: {' or '.join(Compat)}") from error


def _job_text(file: Path | None, default: str) -> str:
    if file is None:
        return default
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise PropertyError(f"cannot read the job in {file}: {error}") from error


def _brokers_of(text: str, vendor: Compat, chosen: str | None) -> str:
    """What the job's own text says, else what was chosen. Raises PropertyError."""
    from routine_load.testing.chaos import play  # noqa: PLC0415 - a wrong flag answers at once

    if play.BROKERS in text:
        return chosen or "embedded"
    if chosen is not None:
        raise PropertyError(f"--kafka {chosen[:200]}: the job names brokers of its own, and has no {play.BROKERS}")
    return play.read_subject(text, vendor, "").brokers


def _folder(chosen: Path | None, ending: ExitStack) -> Path:
    """An empty one. Raises PropertyError."""
    if chosen is None:
        return Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="rl-chaos-", ignore_cleanup_errors=True)))
    chosen.mkdir(parents=True, exist_ok=True)
    if any(chosen.iterdir()):
        raise PropertyError(f"--data-dir {chosen} is not empty: chaos wants a place of its own")
    return chosen.resolve()


def _broker(kafka: str, ending: ExitStack) -> Kafka:
    """Raises BrokerFailed, PropertyError."""
    from routine_load.testing import ApacheKafka, EmbeddedKafka, RemoteKafka  # noqa: PLC0415 - a wrong flag first

    if kafka == "embedded":
        return ending.enter_context(EmbeddedKafka())
    if kafka == "apache":
        return ending.enter_context(ApacheKafka())
    if _ADDRESSES.fullmatch(kafka) is None:
        raise PropertyError(f"--kafka = {kafka[:200]!r} is not allowed; allowed: embedded, apache, host:port")
    return ending.enter_context(RemoteKafka(kafka))


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: with every process of it."""

    def interrupt(_number: int, _frame: FrameType | None) -> Never:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
