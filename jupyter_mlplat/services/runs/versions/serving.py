"""Which deployments serve a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....models import ModelVersion, VersionDeployment

if TYPE_CHECKING:
    from ....store import Store


def deployments_of(store: Store, version: ModelVersion) -> list[VersionDeployment]:
    """Deployments that serve a version, by name, with its share of their traffic."""
    from sqlalchemy import select

    from ....store.tables import deployments as table

    query = select(table.c.name, table.c.state, table.c.versions).order_by(table.c.name)
    with store.read() as connection:
        rows = connection.execute(query).all()
    return [
        VersionDeployment(name=name, state=state, traffic=served.get("traffic", 100))
        for name, state, versions in rows
        for served in versions
        if (served.get("model"), served.get("version")) == (version.name, version.version)
    ]
