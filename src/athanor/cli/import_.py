"""`athanor import`: the folder of a model, from the one file that it was exported as."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from athanor.cli.epilogs import as_written
from athanor.errors import InvalidInput, NotFound
from athanor.quantities import spell_size

EPILOG = as_written("""
Examples:

  athanor import churn-model.athanor              makes the folder churn-model
  athanor import churn-model.athanor models/churn

Every file is checked before the folder has its name: an archive that is damaged, was changed, or
holds anything else than a model is refused, and leaves nothing behind.
""")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File that `athanor export` wrote.")],
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Folder for the model; new or empty. [default: <file> without ending]"),
    ] = None,
) -> None:
    """Unpack a model that was exported."""
    from athanor.engine.disk import size_of
    from athanor.engine.serving.model_archive import SUFFIX, import_model

    model = folder
    if model is None:
        if not file.name.endswith(SUFFIX) or file.name == SUFFIX:
            raise InvalidInput(f"{file} does not end with {SUFFIX}; name the folder as well.", field="folder")
        model = Path(file.name.removesuffix(SUFFIX))
    if not model.absolute().parent.is_dir():
        raise NotFound(f"There is no folder {model.parent}. Make it first, or name another place.")
    if model.is_dir() and model.samefile(Path.cwd()):
        raise InvalidInput(f"{model} is the folder where you are. Name a new one.", field="folder")
    import_model(file, model)
    print(f"Model: {model} ({spell_size(size_of(model))})")
