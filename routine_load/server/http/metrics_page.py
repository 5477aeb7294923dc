"""How figures are written: Prometheus' text format, and the JSON objects that Doris gives with ``?type=json``."""

from __future__ import annotations

import json
from collections.abc import Sequence

from routine_load.observe.metrics import Family, Labels

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def as_text(families: Sequence[Family]) -> str:
    """Prometheus' text exposition format."""
    lines = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        lines += [f"{family.name}{_labels(labels)} {value}" for labels, value in family.samples]
    return "\n".join(lines) + "\n"


def as_json(families: Sequence[Family]) -> str:
    """One object a sample: its name and labels under ``tags``, its unit, its value."""
    return json.dumps(
        [
            {"tags": {"metric": family.name} | dict(labels), "unit": family.unit, "value": value}
            for family in families
            for labels, value in family.samples
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels) + "}"
