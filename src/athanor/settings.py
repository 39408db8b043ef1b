"""Settings: one frozen class, read once from the environment and a TOML file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from athanor.errors import InvalidInput

MB = 2**20
GB = 2**30
ENV_PREFIX = "ATHANOR_"
FILE_VARIABLE = "ATHANOR_SETTINGS_FILE"
FILE_NAME = "athanor.toml"
NO_SETTINGS = (FILE_VARIABLE, "ATHANOR_SHARED", "ATHANOR_FAULT_", "ATHANOR_TEST_")  # the file, and what tests ask for


class Settings(BaseSettings):
    """What an operator may choose. A value given in code wins over the environment, and that over the file.

    Every field is a variable `ATHANOR_<FIELD>` and a line of the same lower-case name in the TOML file.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid")

    data_folder: Path = Field(
        Path("athanor-data"), description="Where everything is kept. Made with access for its owner alone."
    )
    host: str = Field("127.0.0.1", description="Address the server listens on; 0.0.0.0 for every one of this machine.")
    port: int = Field(8000, ge=0, le=65535, description="Port the server listens on; 0 takes a free one.")
    rate_per_minute: int = Field(1200, ge=1, description="Requests a key may make in a minute, in the long run.")
    rate_burst: int = Field(200, ge=1, description="Requests a key may make at once.")
    upload_limit: int = Field(500 * MB, ge=1, description="Bytes of one uploaded file.")
    inflated_limit: int = Field(
        16 * GB, ge=1, description="Bytes that a compressed file, or a workbook, may grow to while it is read."
    )
    json_limit: int = Field(10 * MB, ge=1, description="Bytes of the body of a request that is no file.")
    max_columns: int = Field(50_000, ge=1, description="Columns a dataset may have.")
    server_paths: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="Folders of this machine below which a dataset may be named by its path, in a variable with `:` "
        "between them. None: no path is read.",
    )
    cores_per_job: int | None = Field(
        None, ge=1, description="Processes, one core each, that a training may use. None: all cores by the train slots."
    )
    train_slots: int = Field(1, ge=1, description="Trainings that run at the same time.")
    light_slots: int = Field(2, ge=1, description="Short jobs (profiles) that run at the same time.")
    memory_limit: int | None = Field(
        None,
        ge=64 * MB,
        description="Bytes that the processes of one training may use together. None: 80 % of what is free.",
    )
    reading_memory_limit: int | None = Field(
        None,
        ge=64 * MB,
        description="Bytes that reading one large file may use. None: half of what is free when it is read.",
    )
    checkpoint_days: float = Field(
        7, ge=0, description="Days that a run which has ended can be continued: so long its checkpoints are kept."
    )
    checkpoint_quota: int | None = Field(
        None,
        ge=0,
        description="Bytes that the checkpoints of all runs may have together; beyond, those go first whose run ended "
        "first. None: no quota.",
    )
    model_memory: int = Field(1 * GB, ge=1, description="Bytes of deployed models kept loaded in the server.")
    vecml_rate_per_second: float = Field(
        20, ge=0, description="Requests a key may make in a second by the VecML API, in the long run; 0: no limit."
    )
    vecml_rate_burst: int = Field(60, ge=1, description="Requests a key may make at once by the VecML API.")
    vecml_body_limit: int = Field(
        200 * MB, ge=1, description="Bytes of the body of a VecML request that brings rows or a file."
    )
    vecml_high_speed_s: float = Field(15, gt=0, description="Seconds of a VecML training in the mode high_speed.")
    vecml_balanced_s: float = Field(300, gt=0, description="Seconds of a VecML training in the mode balanced.")
    vecml_high_accuracy_s: float = Field(
        1800, gt=0, description="Seconds of a VecML training in the mode high_accuracy."
    )
    log_level: str = Field(
        "info",
        pattern="^(debug|info|warning|error)$",
        description="Least level that is logged: debug, info, warning or error.",
    )
    lifeline: int | None = Field(
        None,
        ge=0,
        description="File descriptor that ends with the server: a worker stops when it does. `athanor serve` sets it "
        "for the worker it starts.",
    )

    @field_validator("server_paths", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return [part for part in given.split(os.pathsep) if part] if isinstance(given, str) else given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        given = {**env_settings(), **init_settings()}
        folder = Path(given.get("data_folder", cls.model_fields["data_folder"].default))
        file = TomlConfigSettingsSource(settings_cls, _file(folder))
        return init_settings, env_settings, file

    def to_environment(self) -> dict[str, str]:
        """The variables from which another process reads these very settings."""
        values = self.model_dump(exclude_none=True)
        values["data_folder"] = self.data_folder.absolute()
        values["server_paths"] = os.pathsep.join(str(path.absolute()) for path in self.server_paths)
        return {f"{ENV_PREFIX}{name.upper()}": str(value) for name, value in values.items()}


def load_settings(**given: Any) -> Settings:
    """The settings, those in `given` first; None means not given. Raises InvalidInput, naming each fault."""
    _check_names(os.environ)
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = "; ".join(
            f"`{'.'.join(map(str, fault['loc']))}`: {fault['msg']}, got {fault['input']!r}" for fault in error.errors()
        )
        raise InvalidInput(f"The settings are not right. {faults}") from error
    except (SettingsError, TOMLDecodeError) as error:
        raise InvalidInput(f"The settings cannot be read: {error}") from error


def _check_names(environment: Mapping[str, str]) -> None:
    """Raises InvalidInput for a variable that looks like a setting and is none: else a slip would change nothing."""
    known = [f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields]
    for name in sorted(environment):
        spelled = name.upper()  # case does not matter in a setting's variable
        if spelled.startswith(ENV_PREFIX) and not spelled.startswith(NO_SETTINGS) and spelled not in known:
            near = get_close_matches(spelled, known, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise InvalidInput(f"No setting has the variable {name}.{meant} docs/reference/settings.md lists them all.")


def _file(data_folder: Path) -> Path | None:
    """The TOML file: the one that is named, or the one in the data folder where there is one."""
    named = os.environ.get(FILE_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise InvalidInput(f"{FILE_VARIABLE} names {named!r}, and there is no such file.")
        return Path(named)
    return data_folder / FILE_NAME
