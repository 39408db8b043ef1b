"""What Alembic runs: the revisions, on the connection that it was handed."""

from alembic import context

from athanor.backends.records.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes a table by building it anew
    transactional_ddl=True,  # SQLite too, once it is told BEGIN
)
with context.begin_transaction():
    context.run_migrations()
