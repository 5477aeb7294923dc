"""The key models, one row at a time: what any split of a partition's messages into batches has to give.

Independent of the product's code on purpose: a dictionary of rows, and one rule after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Rules:
    """How rows of a table meet. ``required``: columns that a new row of a partial update has to bring."""

    columns: tuple[str, ...]
    keys: int = 1
    defaults: dict = field(default_factory=dict)
    partial: bool = False
    required: tuple[str, ...] = ()
    sequence: str = ""
    condition: str = ""


@dataclass
class State:
    """``sequences`` outlive the rows they came with: a delete is not forgotten."""

    rules: Rules
    rows: dict = field(default_factory=dict)
    sequences: dict = field(default_factory=dict)
    rejected: int = 0

    def put(self, brought, *, delete=False):
        """One row: the columns it brings, and whether it deletes its key."""
        rules = self.rules
        key = tuple(brought[name] for name in rules.columns[: rules.keys])
        old = self.rows.get(key)
        if rules.sequence and rules.sequence in brought:
            held, now = self.sequences.get(key), brought[rules.sequence]
            if held is not None and (now is None or now < held):
                return
            self.sequences[key] = now
        if rules.condition and not delete and old is not None and old[rules.condition] is not None:
            now = brought[rules.condition]
            if now is None or now < old[rules.condition]:
                return
        if delete:
            self.rows.pop(key, None)
            return
        if rules.partial and old is None and any(name not in brought for name in rules.required):
            self.rejected += 1
            return
        base = old if rules.partial and old is not None else {name: rules.defaults.get(name) for name in rules.columns}
        self.rows[key] = {**base, **{name: value for name, value in brought.items() if name in base}}

    def table(self):
        """The rows, as a SELECT shows them, in some order that can be compared."""
        return sorted((tuple(row[name] for name in self.rules.columns) for row in self.rows.values()), key=repr)
