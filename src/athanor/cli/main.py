"""The command `athanor`: its subcommands, and what becomes of an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from athanor.cli import (
    continue_,
    doctor,
    export,
    import_,
    importance,
    keys,
    leaderboard,
    predict,
    profile,
    serve,
    train,
)
from athanor.cli.disk_errors import in_words
from athanor.cli.epilogs import as_written
from athanor.cli.process_clock import process_start
from athanor.errors import AthanorError, InvalidInput, NotFound, NotSupported, TooLarge

# A fit has one thread: parallelism is a matter of processes. Libraries read these when they are loaded.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

HELP_NAMES = ["-h", "--help"]
CONTEXT: dict[str, Any] = {"help_option_names": HELP_NAMES, "max_content_width": 100}

EPILOG = as_written("""
Begin with:

  athanor profile data.csv                     look at a table
  athanor train data.csv --target price        learn; no server needed
  athanor continue data-model --time 30m       more time makes it better, never worse
  athanor predict data-model new.csv           use what was learned
  athanor serve                                the same over HTTP
""")

# Help is plain text: laying it out with rich would make every `--help` three times as slow.
app = typer.Typer(
    name="athanor",
    help="Put a table in, come back to a model that predicts one of its columns.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)
app.command("profile", epilog=profile.EPILOG)(profile.profile)
app.command("train", epilog=train.EPILOG)(train.train)
app.command("continue", epilog=continue_.EPILOG)(continue_.continue_)
app.command("predict", epilog=predict.EPILOG)(predict.predict)
app.command("leaderboard", epilog=leaderboard.EPILOG)(leaderboard.leaderboard)
app.command("importance", epilog=importance.EPILOG)(importance.importance)
app.command("export", epilog=export.EPILOG)(export.export)
app.command("import", epilog=import_.EPILOG)(import_.import_)
app.command("serve", epilog=serve.SERVE_EPILOG)(serve.serve)
app.command("worker", epilog=serve.WORKER_EPILOG)(serve.worker)
app.command("run-job", hidden=True)(serve.run_job)
app.add_typer(keys.app, name="keys")
app.command("doctor", short_help="Check this machine.", epilog=doctor.EPILOG)(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"athanor {version('athanor')}")
        raise typer.Exit


@app.callback()
def _athanor(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def help_for(words: Sequence[str]) -> str | None:
    """The help that the words ask for, if they do.

    Typer would give the same, but loads pydantic for parsing before it looks for `--help`: 0.2 s for nothing.
    """
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="athanor", **CONTEXT)
    for word in words:
        if word == "--":
            return None
        if word in HELP_NAMES:
            return context.get_help()
        below = getattr(command, "commands", {}).get(word)
        if below is not None:
            command = below
            context = typer.Context(command, info_name=word, parent=context, **CONTEXT)
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Gives the exit status: 0 fine, 1 it could not be done, 2 the input was wrong."""
    started = process_start() if arguments is None else None
    for name in ONE_THREAD:
        os.environ[name] = "1"  # ours are processes of one thread each, whatever the shell says
    words = sys.argv[1:] if arguments is None else list(arguments)
    if (wanted := help_for(words)) is not None:
        print(wanted)
        return 0
    try:
        app(args=words, prog_name="athanor", obj=started)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except AthanorError as error:
        print(f"athanor: {error}", file=sys.stderr)
        return 2 if isinstance(error, InvalidInput | NotFound | NotSupported | TooLarge) else 1
    except OSError as error:  # a full disk, a file that may not be read
        print(f"athanor: {in_words(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
