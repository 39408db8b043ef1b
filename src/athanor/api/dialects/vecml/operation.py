"""What an operation is: a name, the body it takes, what it asks of the key, and the function that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from athanor.api.dialects import Surroundings
from athanor.api.dialects.vecml import words
from athanor.core.actor import Actor, Scope
from athanor.errors import InvalidInput
from athanor.services import Services
from athanor.services.aliases import Naming

B = TypeVar("B", bound=BaseModel)


@dataclass(kw_only=True)
class Caller:
    """Who called, what the platform is, and the file that came with the call.

    file      the file of a multipart form, or the one that a field of the body held in base64; gone with the answer
    filename  as its sender named it; "" where nobody did
    """

    actor: Actor
    surroundings: Surroundings
    file: Path | None = None
    filename: str = ""

    @property
    def services(self) -> Services:
        return self.surroundings.services

    @cached_property
    def user(self) -> str:
        """The caller's name as it stands in job ids."""
        return words.user_word(self.services.keys.user_of(self.actor).name)

    def naming(self, project: str, collection: str, ending: str, **said: str) -> Naming:
        """The id that a job of the collection is to have, `alice_project_collection_UploadJob`."""
        text = words.job_name(self.user, project, collection, ending)
        return Naming(dialect=words.DIALECT, text=text, said=said)

    def sent_file(self, field: str) -> Path:
        """The file that must have come."""
        if self.file is None:
            raise InvalidInput(
                f"`{field}` is required: the file in base64. Or send a multipart form with it in a part named `file`.",
                field=field,
            )
        return self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[B]):
    """One operation: `POST /api/<name>`.

    tag          the heading that the docs put it under
    aliases      other names that it answers to, which the docs leave out
    takes_data   its body may be as large as the limit for data
    is_heavy     it takes much memory even where its body is small: few run at the same time
    file_fields  fields that hold a file in base64, of which one is sent; where there are any, the body may come as a
                 multipart form with the file in a part `file`, too
    row_fields   fields that are lists of rows of numbers; of a large body `run` gets one as `Bulk`
    """

    name: str
    summary: str
    tag: str
    body: type[B]
    answer: type[BaseModel]
    scopes: tuple[Scope, ...]
    run: Callable[[B, Caller], dict[str, Any]]
    aliases: tuple[str, ...] = ()
    takes_data: bool = False
    is_heavy: bool = False
    file_fields: tuple[str, ...] = ()
    row_fields: tuple[str, ...] = ()
