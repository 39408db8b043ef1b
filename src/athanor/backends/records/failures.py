"""What a database complains about, in the project's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from athanor.errors import Conflict, InvalidInput, Unavailable


@contextmanager
def in_our_words(what: str = "The records") -> Iterator[None]:
    """Turns what the database says about `what` into Conflict, InvalidInput or Unavailable.

    What is left (a statement that makes no sense to the database) is an error in this program and stays as it is.
    """
    try:
        yield
    except exc.IntegrityError as error:
        raise Conflict(f"{what} cannot be stored or removed: {_reason(error)}.") from error
    except exc.DataError as error:
        raise InvalidInput(f"{what} cannot hold this: {_first_line(error)}.") from error
    except exc.ProgrammingError as error:
        if "no such table" not in str(error.orig) and not _is_undefined_table(error):
            raise
        raise _not_set_up(error) from error
    except exc.DBAPIError as error:  # locked, full, unreachable, damaged
        if "no such table" in str(error.orig):
            raise _not_set_up(error) from error
        raise Unavailable(
            f"{what} cannot be reached now: {_first_line(error)}. Try again; if it stays, see whether the disk is "
            "full, and whether the database is up."
        ) from error


def _reason(error: exc.IntegrityError) -> str:
    """Which rule does not hold, as SQLite (first) or PostgreSQL (second) names it."""
    said = str(error.orig)
    taken = re.search(r"UNIQUE constraint failed: (.+)", said) or re.search(r"Key \((.+?)\)=.* already exists", said)
    if taken:
        names = [name.strip().rpartition(".")[2] for name in taken[1].split(",")]
        return f"there is one with the same {' and '.join(names)} already"
    if "foreign key" in said.lower():
        return "it belongs to something that is not there, or something still belongs to it"
    return _first_line(error)


def _not_set_up(error: exc.DBAPIError) -> Unavailable:
    return Unavailable(f"The database is not set up ({_first_line(error)}). Start the server once, or migrate it.")


def _is_undefined_table(error: exc.DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == "42P01"  # undefined_table, PostgreSQL, appendix A


def _first_line(error: exc.DBAPIError) -> str:
    return (str(error.orig).splitlines() or ["no reason given"])[0].strip().rstrip(".")
