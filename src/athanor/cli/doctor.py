"""`athanor doctor`: whether this machine has what Athanor needs, and what to install where it has not."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import typer

from athanor.cli.epilogs import as_written
from athanor.cli.serve import DataOption
from athanor.quantities import spell_size

EPILOG = as_written("""
Examples:

  athanor doctor
  athanor doctor --data /srv/athanor

Ends with status 1 when something is missing that Athanor cannot do without.
""")
LEAST_PYTHON = (3, 11)
LEAST_DISK = 2**30  # a data set, its folds and a model
LEAST_MEMORY = 2**29  # the interpreter, its libraries and two pool processes

# What a missing thing is called where: Debian and Ubuntu, Fedora and RHEL, Alpine, Arch.
INSTALL = {
    "debian": "apt-get install",
    "fedora": "dnf install",
    "alpine": "apk add",
    "arch": "pacman -S",
}
PACKAGES = {
    "libgomp": {"debian": "libgomp1", "fedora": "libgomp", "alpine": "libgomp", "arch": "gcc-libs"},
    "venv": {"debian": "python3-venv", "fedora": "python3", "alpine": "python3", "arch": "python"},
}

# Packages that Athanor cannot do without; one of these where several have the same library.
LIBRARIES = (
    *(("athanor",), ("lightgbm",), ("xgboost-cpu", "xgboost")),
    *(("scikit-learn",), ("polars",), ("numpy",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `advice` says what to do where it is not well."""

    name: str
    found: str
    is_well: bool = True
    is_needed: bool = True  # False: worth knowing, nothing fails for it
    advice: str = ""


def doctor(data: DataOption = None) -> None:
    """Check this machine, and name the package to install where something is missing."""
    findings = list(examine(data))
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = "ok  " if finding.is_well else "MISS" if finding.is_needed else "note"
        print(f"{mark}  {finding.name.ljust(width)}  {finding.found}")
        if not finding.is_well:
            print(f"      {''.ljust(width)}  -> {finding.advice}")
    if any(not finding.is_well and finding.is_needed for finding in findings):
        raise typer.Exit(1)


def examine(data: Path | None) -> Iterator[Finding]:
    system = linux_family(Path("/etc/os-release"))
    yield _python()
    yield _venv(system)
    yield _libgomp(system)
    yield _libraries()
    yield _extras()
    yield _cores()
    yield _memory()
    folder = _data_folder(data)
    yield _writable(folder)
    yield _disk(folder)


def linux_family(os_release: Path) -> str | None:
    """debian, fedora, alpine or arch, as the system says it is like one of them; None: it does not say."""
    try:
        lines = os_release.read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.partition("=")[::2] for line in lines if "=" in line)
    words = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").lower().split()
    if {"rhel", "centos"} & set(words):
        return "fedora"
    return next((word for word in words if word in INSTALL), None)


def how_to_install(thing: str, system: str | None) -> str:
    names = PACKAGES[thing]
    if system is not None:
        return f"{INSTALL[system]} {names[system]}"
    return f"install {names['debian']} (Debian, Ubuntu) or {names['fedora']} (Fedora)"


def _python() -> Finding:
    needed = ".".join(map(str, LEAST_PYTHON))
    return Finding(
        name="Python",
        found=f"{platform.python_version()} at {sys.executable}",
        is_well=sys.version_info >= LEAST_PYTHON,
        advice=f"Athanor needs Python {needed} or newer.",
    )


def _venv(system: str | None) -> Finding:
    # Debian ships `venv` without `ensurepip`, which is the part that fails.
    has_both = all(importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip"))
    return Finding(
        name="venv",
        found="there" if has_both else "not there",
        is_well=has_both,
        is_needed=False,
        advice=f"`make` needs it where uv is missing: {how_to_install('venv', system)}",
    )


def _libgomp(system: str | None) -> Finding:
    library = "libomp.dylib" if sys.platform == "darwin" else "libgomp.so.1"
    try:
        ctypes.CDLL(library)
    except OSError:
        advice = "brew install libomp" if sys.platform == "darwin" else how_to_install("libgomp", system)
        return Finding(name="OpenMP", found=f"{library} not found; LightGBM needs it", is_well=False, advice=advice)
    return Finding(name="OpenMP", found=library)


def _libraries() -> Finding:
    found = {names: _version(*names) for names in LIBRARIES}
    missing = [names[0] for names, version in found.items() if version is None]
    return Finding(
        name="libraries",
        found=", ".join(version for version in found.values() if version is not None),
        is_well=not missing,
        advice=f"{', '.join(missing)} cannot be found; install Athanor again.",
    )


def _extras() -> Finding:
    found = _version("catboost")
    return Finding(
        name="extras",
        found=found or "no catboost",
        is_well=found is not None,
        is_needed=False,
        advice="Trainings go without CatBoost. To have it: pip install 'athanor[catboost]'",
    )


def _version(*names: str) -> str | None:
    """Name and version of the first of these packages that is installed; None: none is."""
    from importlib.metadata import PackageNotFoundError, version

    for name in names:
        with suppress(PackageNotFoundError):
            return f"{name} {version(name)}"
    return None


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding(name="cores", found=str(usable))


def _memory() -> Finding:
    from athanor.engine import memory

    free = memory.available()
    return Finding(
        name="memory",
        found=f"{spell_size(free)} free",
        is_well=free >= LEAST_MEMORY,
        is_needed=False,
        advice=f"Less than {spell_size(LEAST_MEMORY)} is free: end other programs, or train with --cores 1.",
    )


def _data_folder(data: Path | None) -> Path:
    from athanor.cli.serve import settings_for

    return settings_for(data).data_folder


def _writable(folder: Path) -> Finding:
    place = _nearest(folder)
    is_well = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return Finding(
        name="data folder",
        found=f"{folder}{'' if folder.exists() else ' (made at the first start)'}",
        is_well=is_well,
        advice=f"{place} cannot be written. Give another folder with --data, or change who owns it.",
    )


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(_nearest(folder)).free
    return Finding(
        name="disk",
        found=f"{spell_size(free)} free",
        is_well=free >= LEAST_DISK,
        is_needed=False,
        advice=f"Less than {spell_size(LEAST_DISK)} is free where the data folder is.",
    )


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())
