"""Brings a database to the current schema, once, whoever comes first."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from ..errors import Conflict
from .tables import metadata

HEAD = "0010"
MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x6D6C706C6174  # "mlplat"


def upgrade(engine: Engine) -> None:
    """Run the migrations that are missing. Raises `Conflict` where the database is newer than this program."""
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with engine.execution_options(mlplat_write=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        revision = _revision(connection)
        if revision == HEAD:
            return
        _migrate(connection, revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(connection: Connection, revision: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise Conflict(
            f"the store has schema {revision}, which this program does not know: a newer one made it",
            hint="upgrade jupyter_mlplat, or point MLPLAT_DB_URL at a database of its own",
        )
    if revision is None and (taken := sorted(set(inspect(connection).get_table_names()) & metadata.tables.keys())):
        raise Conflict(
            f"the store's database already has tables of another program: {', '.join(taken)}",
            hint="point MLPLAT_DB_URL at a database of its own",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
