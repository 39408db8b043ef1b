"""Aliases: names that a dialect gives out, each once for its owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from athanor.core.actor import Actor
from athanor.core.alias import Alias
from athanor.core.ids import new_id
from athanor.core.ports import Transaction
from athanor.errors import Conflict, NotFound

_TRIES = 10  # against others who give out the same name at the same moment
_AT_ONCE = 32  # numbers behind a name that are looked for together
_MOST = 2**32  # of them, which nobody reaches


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """A name that a dialect wants for a noun that is being made.

    Where its owner has it already, `_2`, `_3`, … is put behind.
    """

    dialect: str
    text: str
    said: Mapping[str, str] = field(default_factory=dict)


def give_name(transaction: Transaction, actor: Actor, naming: Naming, object_id: UUID, *, now: datetime) -> str:
    """Name the noun for the actor; the text that was given."""
    for tries_left in reversed(range(_TRIES)):
        text = _free_text(transaction, actor, naming)
        alias = Alias(
            id=new_id(),
            organization_id=actor.organization_id,
            owner_id=actor.user_id,
            dialect=naming.dialect,
            text=text,
            object_id=object_id,
            created_at=now,
            said=dict(naming.said),
        )
        try:
            transaction.aliases.add(alias)
        except Conflict:  # taken since the look
            if not tries_left:
                raise
        else:
            return text
    raise AssertionError  # the last try returned or raised


def named(transaction: Transaction, actor: Actor, dialect: str, text: str) -> Alias:
    """What the dialect calls `text` for this actor. Raises NotFound."""
    where = {"owner_id": actor.user_id, "dialect": dialect, "text": text}
    found = transaction.aliases.first(where)
    if found is None:
        raise NotFound(f"Nothing is named {text!r} here.")
    return found


def _free_text(transaction: Transaction, actor: Actor, naming: Naming) -> str:
    """The wanted text, or with a number behind it one that is free: close behind the last that was given.

    A collection that is filled batch by batch has thousands of jobs, so numbers are not tried one by one.
    """
    last, free = 0, _MOST
    numbers: Sequence[int] = [2**power for power in range(_MOST.bit_length() - 1)]
    while free - last > 1:
        texts = {_numbered(naming.text, number): number for number in numbers}
        where = {"owner_id": actor.user_id, "dialect": naming.dialect, "text": tuple(texts)}
        taken = {texts[alias.text] for alias in transaction.aliases.find(where).items}
        for number in numbers:
            if number not in taken:
                free = number
                break
            last = number
        step = max((free - last) // _AT_ONCE, 1)
        numbers = range(last + step, free, step)
    return _numbered(naming.text, free)


def _numbered(text: str, number: int) -> str:
    return text if number == 1 else f"{text}_{number}"
