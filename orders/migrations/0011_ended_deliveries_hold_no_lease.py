"""Deliveries that were cancelled kept the lease of whoever cancelled them, and looked as if they were being sent for ever.

Of all rows of the outbox only these: nothing else that has ended is asked for its lease when it is begun again.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def give_back(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """A waiting row's lease is a worker's, and stays."""
    held = apps.get_model("orders", "WebhookDelivery").objects.using(schema_editor.connection.alias).exclude(lease_token=None)
    held.exclude(state="waiting").update(lease_token=None)


class Migration(migrations.Migration):
    """Data only."""

    dependencies = [("orders", "0010_status_changes_in_order")]
    operations = [migrations.RunPython(give_back, migrations.RunPython.noop)]
