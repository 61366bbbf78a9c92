"""MLflow's client, opened where what it speaks to answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

ANSWER_S = 10
DATABASES = ("postgresql", "mysql")
"""Those whose drivers know `connect_timeout`."""


def open_client(uri: str, registry_uri: str | None = None) -> MlflowClient:
    """A client of the tracking URI `uri`.

    A database that does not answer is asked once: MLflow itself asks ten times in two minutes, and warns each time.
    Raises what MLflow raises, `OSError` for such a database, and `ImportError`.
    """
    from mlflow import MlflowClient

    for one in dict.fromkeys((uri, registry_uri or uri)):
        if one.startswith(DATABASES):
            _ask(one)
    return MlflowClient(tracking_uri=uri, registry_uri=registry_uri)


def _ask(uri: str) -> None:
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    try:
        sqlalchemy.create_engine(uri, poolclass=NullPool, connect_args={"connect_timeout": ANSWER_S}).connect().close()
    except sqlalchemy.exc.SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise OSError(f"MLflow's database does not answer: {said[0] if said else type(error).__name__}") from error
