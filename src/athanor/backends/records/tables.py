"""The tables of the nouns. What is made here for a new database, the migrations make too; a test compares them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from athanor.backends.records.nouns import EVENT, NOUNS, Noun
from athanor.backends.records.rows import Field, Kind

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


class UtcTime(TypeDecorator[datetime]):
    """A moment. SQLite has no time zones: there it is kept as UTC without saying so."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=None) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# JSON and not JSONB on PostgreSQL: it keeps the order of keys, and what a caller sent is echoed as it came.
_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.TEXT: Text(),
    Kind.WHOLE: BigInteger(),
    Kind.NUMBER: Double(),
    Kind.FLAG: Boolean(),
    Kind.ID: Uuid(),
    Kind.TIME: UtcTime(),
    Kind.WORD: Text(),
    Kind.JSON: JSON(none_as_null=True),
}


def _column(field: Field) -> Column[Any]:
    return Column(field.name, _TYPES[field.kind], nullable=field.is_optional)


def _words(field: Field) -> CheckConstraint:
    words = ", ".join(f"'{member.value}'" for member in field.type)
    return CheckConstraint(f"{field.name} IN ({words})", name=f"{field.name}_known")


def _table(noun: Noun[Any]) -> Table:
    fields = noun.shape.fields.values()
    constraints: list[Any] = [_words(field) for field in fields if field.kind is Kind.WORD]
    constraints += [UniqueConstraint(*names) for names in noun.unique]
    if noun is EVENT:
        job = ForeignKeyConstraint(
            ["job_id", "organization_id"], ["jobs.id", "jobs.organization_id"], ondelete="CASCADE"
        )
        constraints += [PrimaryKeyConstraint("job_id", "seq"), job]
    else:
        constraints.append(PrimaryKeyConstraint("id"))
        if noun.owner_field != "id":
            constraints.append(ForeignKeyConstraint(["organization_id"], ["organizations.id"]))
        # With the organization, so that no noun can stand under another's, whatever a service forgets.
        constraints += [
            ForeignKeyConstraint([name, "organization_id"], [f"{parent}.id", f"{parent}.organization_id"])
            for name, parent in noun.parents.items()
        ]
        if noun.collection in _PARENTS:
            constraints.append(UniqueConstraint("id", "organization_id"))
    table = Table(noun.collection, METADATA, *map(_column, fields), *constraints)
    for names in noun.indexes:
        Index(None, *(table.c[name] for name in names))
    return table


_PARENTS = {parent for noun in NOUNS for parent in noun.parents.values()} | {"jobs"}
TABLES = {noun.collection: _table(noun) for noun in (*NOUNS, EVENT)}
