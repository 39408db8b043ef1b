"""`athanor export`: a model as one file, to be sent and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from athanor.cli.epilogs import as_written
from athanor.errors import InvalidInput, NotFound
from athanor.quantities import spell_size

EPILOG = as_written("""
Examples:

  athanor export churn-model                      writes churn-model.athanor
  athanor export churn-model /media/usb/churn.athanor

The file is a zip archive of what the model is made of, and holds no code. `athanor predict` and
`athanor leaderboard` take it in the place of the folder; `athanor import` unpacks it. The same
model gives the same bytes.
""")


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a model that `athanor train` made.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="File to write. [default: <model>.athanor]")
    ] = None,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Write over an exported model that is there.")] = False,
) -> None:
    """Write a model as one file."""
    from athanor.engine.serving.model_archive import SUFFIX, export_model

    named = model.resolve() if model.name in {"", ".."} else model
    out = named.with_name(named.name + SUFFIX) if file is None else file
    if not out.parent.is_dir():
        raise NotFound(f"There is no folder {out.parent}. Make it first, or name another place.")
    if out.exists() and not out.is_dir() and not replace:
        raise InvalidInput(f"{out} exists already. Give another name, or --replace.", field="replace")
    export_model(model, out, replace=replace)
    print(f"Model: {out} ({spell_size(out.stat().st_size)})")
