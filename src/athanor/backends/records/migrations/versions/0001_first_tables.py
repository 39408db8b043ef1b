"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("id", "organization_id", name="uq_users_id_organization_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_users_organization_id"),
    )
    op.create_index("ix_users_organization_id_created_at", "users", ["organization_id", "created_at"])
    op.create_table(
        "keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_keys_organization_id"),
        sa.ForeignKeyConstraint(
            ["user_id", "organization_id"], ["users.id", "users.organization_id"], name="fk_keys_user_id"
        ),
    )
    op.create_index("ix_keys_organization_id_created_at", "keys", ["organization_id", "created_at"])
    op.create_table(
        "projects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("namespace", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.UniqueConstraint("namespace", "handle", name="uq_projects_namespace_handle"),
        sa.UniqueConstraint("id", "organization_id", name="uq_projects_id_organization_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_projects_organization_id"),
    )
    op.create_index("ix_projects_organization_id_created_at", "projects", ["organization_id", "created_at"])
    op.create_table(
        "datasets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("origin", sa.JSON(), nullable=True),
        sa.Column("id_column", sa.Text(), nullable=True),
        sa.Column("n_ids_made", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.UniqueConstraint("project_id", "handle", name="uq_datasets_project_id_handle"),
        sa.UniqueConstraint("id", "organization_id", name="uq_datasets_id_organization_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_datasets_organization_id"),
        sa.ForeignKeyConstraint(
            ["project_id", "organization_id"],
            ["projects.id", "projects.organization_id"],
            name="fk_datasets_project_id",
        ),
    )
    op.create_index("ix_datasets_organization_id_created_at", "datasets", ["organization_id", "created_at"])
    op.create_table(
        "segments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("n_rows", sa.BigInteger(), nullable=False),
        sa.Column("blob", sa.Text(), nullable=False),
        sa.Column("source_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("ids_blob", sa.Text(), nullable=True),
        sa.Column("rejects_blob", sa.Text(), nullable=True),
        sa.Column("n_rejected", sa.BigInteger(), nullable=False),
        sa.Column("merged_sha256", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_segments"),
        sa.UniqueConstraint("dataset_id", "position", name="uq_segments_dataset_id_position"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_segments_organization_id"),
        sa.ForeignKeyConstraint(
            ["dataset_id", "organization_id"],
            ["datasets.id", "datasets.organization_id"],
            name="fk_segments_dataset_id",
        ),
        sa.CheckConstraint("kind IN ('rows', 'tombstones')", name=op.f("ck_segments_kind_known")),
    )
    op.create_index("ix_segments_blob", "segments", ["blob"])
    op.create_index("ix_segments_ids_blob", "segments", ["ids_blob"])
    op.create_index("ix_segments_rejects_blob", "segments", ["rejects_blob"])
    op.create_index("ix_segments_organization_id_source_sha256", "segments", ["organization_id", "source_sha256"])
    op.create_table(
        "versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("n_segments", sa.BigInteger(), nullable=False),
        sa.Column("n_rows", sa.BigInteger(), nullable=False),
        sa.Column("schema", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("first_segment", sa.BigInteger(), nullable=False),
        sa.Column("n_rejected", sa.BigInteger(), nullable=False),
        sa.Column("is_pinned", sa.Boolean(), nullable=False),
        sa.Column("profile_blob", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_versions"),
        sa.UniqueConstraint("dataset_id", "number", name="uq_versions_dataset_id_number"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_versions_organization_id"),
        sa.ForeignKeyConstraint(
            ["dataset_id", "organization_id"],
            ["datasets.id", "datasets.organization_id"],
            name="fk_versions_dataset_id",
        ),
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_uploads_organization_id"),
        sa.ForeignKeyConstraint(
            ["user_id", "organization_id"], ["users.id", "users.organization_id"], name="fk_uploads_user_id"
        ),
    )
    op.create_index("ix_uploads_organization_id_created_at", "uploads", ["organization_id", "created_at"])
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("task", sa.JSON(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("validation_version_id", sa.Uuid(), nullable=True),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("origin", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("dataset_id", "handle", name="uq_runs_dataset_id_handle"),
        sa.UniqueConstraint("id", "organization_id", name="uq_runs_id_organization_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_runs_organization_id"),
        sa.ForeignKeyConstraint(
            ["project_id", "organization_id"], ["projects.id", "projects.organization_id"], name="fk_runs_project_id"
        ),
    )
    op.create_index("ix_runs_version_id", "runs", ["version_id"])
    op.create_index("ix_runs_validation_version_id", "runs", ["validation_version_id"])
    op.create_index("ix_runs_job_id", "runs", ["job_id"])
    op.create_index("ix_runs_organization_id_created_at", "runs", ["organization_id", "created_at"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("executor", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("fruitless", sa.BigInteger(), nullable=False),
        sa.Column("checkpoints", sa.BigInteger(), nullable=False),
        sa.Column("spent_s", sa.Double(), nullable=False),
        sa.Column("token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("plan", sa.JSON(), nullable=True),
        sa.Column("follows", sa.Uuid(), nullable=True),
        sa.Column("peak_memory", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("id", "organization_id", name="uq_jobs_id_organization_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_jobs_organization_id"),
        sa.ForeignKeyConstraint(
            ["project_id", "organization_id"], ["projects.id", "projects.organization_id"], name="fk_jobs_project_id"
        ),
        sa.CheckConstraint("kind IN ('train', 'continue', 'profile', 'ingest')", name=op.f("ck_jobs_kind_known")),
        sa.CheckConstraint("lane IN ('light', 'train')", name=op.f("ck_jobs_lane_known")),
        sa.CheckConstraint(
            "state IN ('ready', 'queued', 'running', 'succeeded', 'failed', 'stopped')",
            name=op.f("ck_jobs_state_known"),
        ),
        sa.CheckConstraint("request IN ('stop', 'finish')", name=op.f("ck_jobs_request_known")),
    )
    op.create_index("ix_jobs_state_lane_executor_created_at", "jobs", ["state", "lane", "executor", "created_at"])
    op.create_index("ix_jobs_subject_id", "jobs", ["subject_id"])
    op.create_index("ix_jobs_dataset_id", "jobs", ["dataset_id"])
    op.create_table(
        "aliases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_aliases"),
        sa.UniqueConstraint("owner_id", "dialect", "text", name="uq_aliases_owner_id_dialect_text"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_aliases_organization_id"),
        sa.ForeignKeyConstraint(
            ["owner_id", "organization_id"], ["users.id", "users.organization_id"], name="fk_aliases_owner_id"
        ),
    )
    op.create_index("ix_aliases_object_id", "aliases", ["object_id"])
    op.create_table(
        "models",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("fit_s", sa.Double(), nullable=False),
        sa.Column("predict_s", sa.Double(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("artifact", sa.Text(), nullable=True),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("scored_on", sa.Text(), nullable=True),
        sa.Column("n_scored", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_models"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_models_organization_id"),
        sa.ForeignKeyConstraint(
            ["run_id", "organization_id"], ["runs.id", "runs.organization_id"], name="fk_models_run_id"
        ),
        sa.CheckConstraint("scored_on IN ('out-of-fold', 'validation')", name=op.f("ck_models_scored_on_known")),
    )
    op.create_index("ix_models_run_id_rank", "models", ["run_id", "rank"])
    op.create_table(
        "registered",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registered"),
        sa.UniqueConstraint("organization_id", "handle", name="uq_registered_organization_id_handle"),
        sa.UniqueConstraint("id", "organization_id", name="uq_registered_id_organization_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_registered_organization_id"),
        sa.ForeignKeyConstraint(
            ["project_id", "organization_id"],
            ["projects.id", "projects.organization_id"],
            name="fk_registered_project_id",
        ),
    )
    op.create_index("ix_registered_organization_id_created_at", "registered", ["organization_id", "created_at"])
    op.create_table(
        "model_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("registered_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("artifact", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_model_versions"),
        sa.UniqueConstraint("registered_id", "number", name="uq_model_versions_registered_id_number"),
        sa.UniqueConstraint("id", "organization_id", name="uq_model_versions_id_organization_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_model_versions_organization_id"),
        sa.ForeignKeyConstraint(
            ["registered_id", "organization_id"],
            ["registered.id", "registered.organization_id"],
            name="fk_model_versions_registered_id",
        ),
    )
    op.create_index("ix_model_versions_model_id", "model_versions", ["model_id"])
    op.create_index("ix_model_versions_run_id", "model_versions", ["run_id"])
    op.create_table(
        "deployments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("registered_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_deployments_organization_id"),
        sa.ForeignKeyConstraint(
            ["registered_id", "organization_id"],
            ["registered.id", "registered.organization_id"],
            name="fk_deployments_registered_id",
        ),
        sa.ForeignKeyConstraint(
            ["version_id", "organization_id"],
            ["model_versions.id", "model_versions.organization_id"],
            name="fk_deployments_version_id",
        ),
        sa.CheckConstraint("state IN ('active', 'stopped')", name=op.f("ck_deployments_state_known")),
    )
    op.create_index("ix_deployments_registered_id", "deployments", ["registered_id"])
    op.create_index("ix_deployments_version_id", "deployments", ["version_id"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name="fk_audit_organization_id"),
    )
    op.create_index("ix_audit_object_id", "audit", ["object_id"])
    op.create_index("ix_audit_organization_id_at", "audit", ["organization_id", "at"])
    op.create_table(
        "events",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "seq", name="pk_events"),
        sa.ForeignKeyConstraint(
            ["job_id", "organization_id"],
            ["jobs.id", "jobs.organization_id"],
            name="fk_events_job_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "kind IN ('line', 'progress', 'leaderboard', 'outlook', 'incumbent', 'fold', 'curve', 'started')",
            name=op.f("ck_events_kind_known"),
        ),
    )
    op.create_index("ix_events_job_id_kind_seq", "events", ["job_id", "kind", "seq"])
