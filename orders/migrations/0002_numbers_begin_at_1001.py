"""Order numbers begin at 1001: four digits are read over the phone without doubt, and nobody is the shop's order number 1."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

FIRST_NUMBER = 1001


def begin(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Move the database's own counter; SQLite keeps it in a table of its own, and loses it where an empty table is rebuilt."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE orders_order ALTER COLUMN number RESTART WITH {FIRST_NUMBER}")
    else:
        schema_editor.execute("DELETE FROM sqlite_sequence WHERE name = 'orders_order'")
        schema_editor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('orders_order', %s)", [FIRST_NUMBER - 1])


class Migration(migrations.Migration):
    """Runs on the empty table only, right after it is made."""

    dependencies = [("orders", "0001_orders")]
    operations = [migrations.RunPython(begin, migrations.RunPython.noop)]
