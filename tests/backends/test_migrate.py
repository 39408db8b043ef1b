"""The migrations: they make what the tables say, once, whoever runs them and however that ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from athanor.backends.records import migrate as migrate_module
from athanor.backends.records.migrations import FOLDER, revisions
from athanor.backends.records.sql import migrate
from athanor.backends.records.tables import METADATA
from athanor.core.job import JobState
from athanor.errors import Conflict, Unavailable


@pytest.fixture
def new_url(tmp_path):
    return f"sqlite:///{tmp_path / 'new.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """An engine of an empty database and its address."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'empty.db'}"
        yield create_engine(url), url
        return
    given = os.environ.get("ATHANOR_TEST_POSTGRES_URL")
    if given is None:
        pytest.skip("ATHANOR_TEST_POSTGRES_URL names no PostgreSQL server")
    server = create_engine(given, isolation_level="AUTOCOMMIT")
    name = f"athanor_test_migrate_{os.getpid()}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = server.url.set(database=name)
    engine = create_engine(url)
    yield engine, url.render_as_string(hide_password=False)
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def described(engine):
    """Everything the database knows about its tables."""
    inspector = inspect(engine)
    asked = ("columns", "pk_constraint", "unique_constraints", "foreign_keys", "check_constraints", "indexes")
    return {
        name: {what: sorted(map(str, _listed(getattr(inspector, f"get_{what}")(name)))) for what in asked}
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def _listed(found):
    return found if isinstance(found, list) else [found]


def test_the_migrations_make_exactly_the_tables(database):
    engine, url = database
    migrate(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    migrated = described(engine)
    with engine.begin() as connection:
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
    assert migrated == described(engine)


def test_the_database_knows_the_states_of_a_job(new_url):
    migrate(new_url)
    checks = inspect(create_engine(new_url)).get_check_constraints("jobs")
    states = next(check["sqltext"] for check in checks if check["name"] == "ck_jobs_state_known")
    assert set(re.findall(r"'(\w+)'", states)) == {state.value for state in JobState}


def test_the_files_are_numbered_as_alembic_orders_them():
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert revisions() == known[::-1]


def test_migrating_again_changes_nothing_and_does_not_even_load_alembic(new_url):
    migrate(new_url)
    program = (
        "import sys; from athanor.backends.records.sql import migrate; migrate(sys.argv[1]);"
        "sys.exit('alembic' in sys.modules)"
    )
    before = described(create_engine(new_url))
    assert subprocess.run([sys.executable, "-c", program, new_url], check=False).returncode == 0
    assert described(create_engine(new_url)) == before


def test_several_processes_may_migrate_at_once(new_url, start):
    children = [start(lambda: migrate(new_url)) for _ in range(4)]
    assert [child.wait() for child in children] == [0, 0, 0, 0]
    assert set(described(create_engine(new_url))) == set(METADATA.tables)


def test_a_migration_that_is_killed_leaves_nothing_and_is_run_again(new_url, start, monkeypatch):
    def die(_):
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(migrate_module, "_check_foreign_keys", die)  # after the last table, before the commit
        assert start(lambda: migrate(new_url)).wait() == -signal.SIGKILL
    assert inspect(create_engine(new_url)).get_table_names() == []
    migrate(new_url)
    assert set(described(create_engine(new_url))) == set(METADATA.tables)


def test_a_database_of_a_newer_version_is_refused_in_words(new_url):
    migrate(new_url)
    with create_engine(new_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match=r"at revision 9999.*knows only up to") as caught:
        migrate(new_url)
    assert caught.value.code == "newer-database"


def test_a_database_in_no_folder_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match=r"records\.db cannot be opened"):
        migrate(f"sqlite:///{tmp_path / 'nowhere' / 'records.db'}")


def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    Path(tmp_path / "records.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        migrate(f"sqlite:///{tmp_path / 'records.db'}")
