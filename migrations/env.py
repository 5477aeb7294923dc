"""Runs migrations on the connection that the program hands over; there is no other way to run them."""

from __future__ import annotations

from alembic import context

from routine_load.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
