"""Generated ids: "0", "1", … for rows that come without one. None of them is ever given twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from athanor.core.actor import Actor
from athanor.core.ports import Records


def reserve_ids(
    records: Records, actor: Actor, dataset_id: UUID, n_rows: int, *, live: Callable[[Sequence[str]], set[str]]
) -> list[str]:
    """So many ids that no row has. Ones that people gave to rows themselves are passed over.

    live  those of some ids that rows have
    """
    ids: list[str] = []
    n_asked = n_rows
    while len(ids) < n_rows:
        start = _reserve(records, actor, dataset_id, n_asked)
        offered = [str(number) for number in range(start, start + n_asked)]
        taken = live(offered)
        ids += [id_ for id_ in offered if id_ not in taken]
        n_asked = max(n_rows - len(ids), 2 * len(taken))  # where many are taken, more still may be
    return ids[:n_rows]


def _reserve(records: Records, actor: Actor, dataset_id: UUID, n_ids: int) -> int:
    """The first of so many numbers that nobody else gets."""
    with records.change(actor.organization_id) as transaction:
        dataset = transaction.datasets.get(dataset_id, lock=True)
        transaction.datasets.put(replace(dataset, n_ids_made=dataset.n_ids_made + n_ids))
        return dataset.n_ids_made
