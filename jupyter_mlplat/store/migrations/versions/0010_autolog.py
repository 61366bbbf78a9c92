"""Jobs whose training is logged by itself, and those that do not want it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs",
        sa.Column(
            "autolog",
            sa.Boolean(),
            nullable=False,
            server_default=sa.true(),
            comment="what it trains is logged by itself",
        ),
    )
