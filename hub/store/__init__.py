"""SQLAlchemy tables, queries, migrations, roles and row-level security: the only room that knows SQL."""
