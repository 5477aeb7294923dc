"""What is read in the schedules of cuts: a small topic, of which every record has a fate that is known beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from routine_load.ids import PartitionId
from routine_load.loads.values import Decoded, Origin, RejectedRow, Transformed

if TYPE_CHECKING:
    from tests.sim.cuts_world import World

GOOD, BAD, UNSELECTED, REFUSED, INVISIBLE = "gbwr-"
"""``REFUSED``: a row that the cluster filters; ``INVISIBLE``: a marker, aborted, or compacted away."""


@dataclass(frozen=True)
class Workload:
    """``fates`` of the records of each partition, and how many tasks read them."""

    fates: tuple[str, ...]
    tasks: int = 1


WORKLOADS: Final = {
    "one": Workload(("g-g",)),
    "three": Workload(("g", "g-", "gg"), tasks=2),
    "poison": Workload(("gbwr-g",)),
    "nothing": Workload(("w-b", "-r"), tasks=2),
}


@dataclass
class Chunk:
    places: list[tuple[PartitionId, int]]
    values: list[bytes]
    last_timestamps_ms: Mapping[PartitionId, int] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        return len(self.values)

    bytes = weight

    def origin(self, index: int) -> Origin:
        partition, offset = self.places[index]
        return Origin("a", partition, offset)


class Records:
    """The topic, Kafka's metadata and the compiler. What was converted once is remembered for all schedules."""

    def __init__(self, workload: Workload, *, refusing: bool) -> None:
        self.workload = workload
        self.partitions_of_topic = tuple(PartitionId(n) for n in range(len(workload.fates)))
        self._refusing = refusing
        self._decoded: dict[tuple[tuple[PartitionId, int], ...], Decoded] = {}
        self._transformed: dict[int, Transformed] = {}

    def ends(self) -> dict[PartitionId, int]:
        return {p: len(self.workload.fates[p]) for p in self.partitions_of_topic}

    def fates(self, partition: PartitionId, start: int, end: int) -> Iterator[tuple[int, str]]:
        """Visible records of a range, and what has to become of each."""
        for offset in range(start, end):
            fate = self.workload.fates[partition][offset]
            if fate != INVISIBLE:
                yield offset, GOOD if fate == REFUSED and not self._refusing else fate

    # Kafka's metadata

    def partitions(self, _spec, _deadline):
        return self.partitions_of_topic

    def watermarks(self, _spec, partitions, _deadline):
        return {p: (0, len(self.workload.fates[p])) for p in partitions}

    def topic_id(self, _spec, _deadline):
        return "id"

    # the compiler

    def check(self, spec, table) -> None: ...

    def decoder(self, _spec, _table):
        return self

    transformer = decoder

    def close(self) -> None: ...

    def prepare(self, payloads) -> None: ...

    def decode(self, payloads: Chunk) -> Decoded:
        places = tuple(payloads.places)
        if places not in self._decoded:
            columns = {"p": [int(p) for p, _ in places], "o": [o for _, o in places]}
            self._decoded[places] = Decoded(pa.table(columns | {"f": [v.decode() for v in payloads.values]}), None)
        return self._decoded[places]

    def transform(self, decoded: Decoded) -> Transformed:
        if id(decoded) not in self._transformed:
            rows = decoded.columns.to_pylist()
            bad = tuple(RejectedRow(n, b"", "", "bad") for n, row in enumerate(rows) if row["f"] == BAD)
            good = [{"p": row["p"], "o": row["o"]} for row in rows if row["f"] in {GOOD, REFUSED}]
            table = pa.Table.from_pylist(good, _SCHEMA)
            self._transformed[id(decoded)] = Transformed(table, bad, len(rows) - len(good) - len(bad))
        return self._transformed[id(decoded)]


_SCHEMA: Final = pa.schema([("p", pa.int64()), ("o", pa.int64())])


class Source:
    """The source's port within one process."""

    def __init__(self, world: World) -> None:
        self._world = world

    @contextmanager
    def open(self, _spec, start):
        yield Consumption(self._world, dict(start))


class Consumption:
    def __init__(self, world: World, start: dict[PartitionId, int]) -> None:
        self._world = world
        self._next = start

    @property
    def caught_up(self) -> bool:
        ends = self._world.records.ends()
        return all(ends[p] <= offset for p, offset in self._next.items())

    def positions(self) -> dict[PartitionId, int]:
        return dict(self._next)

    def poll(self, *, max_rows: int, max_bytes: int, deadline) -> Chunk | None:
        """All that there is, up to so many rows; what is invisible behind the last one is passed over."""
        chunk = Chunk([], [])
        for partition, offset in self._next.items():
            for fate in self._world.records.workload.fates[partition][offset:]:
                if fate != INVISIBLE:
                    if len(chunk.values) == max_rows:
                        break
                    chunk.places.append((partition, self._next[partition]))
                    chunk.values.append(fate.encode())
                self._next[partition] += 1
        if not chunk.values:
            self._world.time = max(self._world.time, deadline.at)
        return chunk if chunk.values else None


def places(payloads: Chunk, rows: Sequence[RejectedRow]) -> list[tuple[int, int]]:
    """Where rejected rows stand."""
    return [(int(payloads.places[row.payload][0]), payloads.places[row.payload][1]) for row in rows]
