"""Findings: what the owner of a table should know before learning from it."""

from __future__ import annotations

from collections.abc import Mapping

from athanor.engine.findings.columns import columns_without_use, duplicate_columns, mixed_types
from athanor.engine.findings.finding import Finding, Kind, Severity
from athanor.engine.findings.leaks import leak_suspects
from athanor.engine.findings.rows import duplicate_rows, time_drift, time_order
from athanor.engine.findings.target import problem_of, target_findings
from athanor.engine.tables.facts import Facts, Source
from athanor.engine.tables.schema import Schema

__all__ = ["Finding", "Kind", "Severity", "findings_of"]

_ORDER = tuple(reversed(Severity))


def findings_of(
    source: Source, schema: Schema, counted: Mapping[str, Facts], *, target: str | None = None, seed: int = 0
) -> tuple[Finding, ...]:
    """What was found in all rows, the most serious first. Memory is bounded for a scan."""
    if not source.n_rows:
        return ()
    features = Schema(tuple(column for column in schema.columns if column.name != target))
    problem = None if target is None else problem_of(source, schema[target], seed)
    found = [
        *columns_without_use(features, counted),
        *mixed_types(source, features, seed),
        *duplicate_columns(source, features, counted, seed),
        *duplicate_rows(source, schema, target, problem),
        *time_order(source, features, seed),
    ]
    if target is not None:
        found += time_drift(source, schema, target, seed)
        found += target_findings(source, schema[target], counted[target], problem, seed)
        found += [] if problem is None else leak_suspects(source, schema, target, problem, seed)
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))
