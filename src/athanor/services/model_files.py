"""Model files: models on their way out of the platform, each as one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from athanor.core.actor import Actor, Scope
from athanor.core.names import handle_for
from athanor.core.ports import BlobStore, Records
from athanor.engine.serving.model_archive import MEDIA_TYPE, SUFFIX, export_model
from athanor.errors import NotSupported
from athanor.services.rows.arrivals import Arrivals
from athanor.services.runs import view_of

_CHUNK = 2**18


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """An archive that is made with its first chunk, and gone with the last."""

    filename: str
    media_type: str
    chunks: Iterator[bytes]


class ModelFiles:
    """Gives models out."""

    def __init__(self, records: Records, blobs: BlobStore, arrivals: Arrivals) -> None:
        self._records = records
        self._blobs = blobs
        self._arrivals = arrivals

    def of_run(self, actor: Actor, run_id: UUID) -> ModelFile:
        """The best model of a run, as `athanor import` takes it. Raises Conflict where the run has none."""
        actor.need(Scope.RUNS_READ)
        with self._records.look(actor.organization_id) as transaction:
            view = view_of(transaction, run_id)
        if view.best.artifact is None:
            raise NotSupported(f"The files of model {view.best.name!r} were not kept; train again to download it.")
        name = handle_for(view.run.name, is_taken=lambda _: False)
        return ModelFile(filename=name + SUFFIX, media_type=MEDIA_TYPE, chunks=self._archive(view.best.artifact))

    def _archive(self, artifact: str) -> Iterator[bytes]:
        """Packed in the scratch folder: a model may be larger than memory."""
        with self._arrivals.folder() as folder:
            file = folder / f"model{SUFFIX}"
            export_model(self._blobs.local(artifact), file)
            with file.open("rb") as archive:
                while chunk := archive.read(_CHUNK):
                    yield chunk
