"""`athanor keys`: who may ask over HTTP. Whoever may write the data folder may make keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from athanor.cli.epilogs import as_written
from athanor.cli.serve import DataOption, settings_for
from athanor.cli.tables import print_table

if TYPE_CHECKING:
    from athanor.services.keys import Keys

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True, rich_markup_mode=None)

CREATE_EPILOG = as_written("""
The key is the only thing on standard output, so that a script can keep it. It is shown once.

Examples:

  athanor keys create laptop
  KEY=$(athanor keys create ci --scope data:read --scope predict --days 90)
  athanor keys create notebook --user eva

Scopes: data:read data:write runs:read runs:write models:read models:write keys:read keys:write predict
""")


@contextmanager
def _keys(data: Path | None, *, may_make: bool = False) -> Iterator[Keys]:
    """The keys of a data folder. Only who makes a key may make the folder for it."""
    settings = settings_for(data)
    from athanor.app import Folders, open_platform
    from athanor.errors import NotFound

    if not may_make and not Folders(data=settings.data_folder).database.is_file():
        raise NotFound(
            f"There is no database in {settings.data_folder}, so there are no keys. Name the data folder with --data; "
            "`athanor keys create NAME` makes a new one."
        )

    platform = open_platform(settings)
    try:
        yield platform.services.keys
    finally:
        platform.close()


@app.command("create", epilog=CREATE_EPILOG)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for, in your own words.")],
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="What it may do; give it once per scope. [default: everything]"),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(metavar="USER", help="Whose it is: a user's name, made where there is none. [default: the first]"),
    ] = None,
    days: Annotated[float | None, typer.Option(help="Days until it expires. [default: never]")] = None,
    data: DataOption = None,
) -> None:
    """Make a key and print it, alone, on standard output."""
    from athanor.core.actor import ALL_SCOPES, Scope
    from athanor.errors import InvalidInput

    unknown = sorted(set(scope or ()) - set(ALL_SCOPES))
    if unknown:
        raise InvalidInput(f"No scope {unknown[0]!r}. Known: {', '.join(Scope)}.", field="scope")
    with _keys(data, may_make=True) as keys:
        scopes = frozenset(Scope(word) for word in scope) if scope else ALL_SCOPES
        _, text = keys.create(keys.admin(), name, scopes, expires_in_days=days, user=user)
    print(text)


@app.command("list")
def list_keys(data: DataOption = None) -> None:
    """List all keys, newest first. Their secrets are not stored and cannot be shown."""
    from athanor.services.keys import status_of

    with _keys(data) as keys:
        admin = keys.admin()
        found = keys.list(admin)
        users = {user.id: user.name for user in keys.users(admin)}
    now = datetime.now(UTC)
    print_table(
        ("id", "name", "user", "begins", "status", "made", "expires", "scopes"),
        [
            (
                str(key.id),
                key.name,
                users[key.user_id],
                key.prefix + "…",
                status_of(key, now=now).value,
                f"{key.created_at:%Y-%m-%d}",
                f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "never",
                " ".join(sorted(key.scopes)),
            )
            for key in found
        ],
    )


@app.command("revoke")
def revoke(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The key's id, as `athanor keys list` shows it, or its name.")
    ],
    data: DataOption = None,
) -> None:
    """End a key. Requests with it are refused from now on."""
    from athanor.errors import InvalidInput, NotFound

    with _keys(data) as keys:
        admin = keys.admin()
        fitting = [one for one in keys.list(admin) if key in {str(one.id), one.id.hex, one.name}]
        if not fitting:
            raise NotFound(f"No key has the id or the name {key!r}. `athanor keys list` shows them all.")
        if len(fitting) > 1:
            raise InvalidInput(
                f"{len(fitting)} keys are named {key!r}. Give the id of one; `athanor keys list` has it."
            )
        keys.revoke(admin, fitting[0].id)
    print(f"Revoked {fitting[0].name} ({fitting[0].prefix}…).")
