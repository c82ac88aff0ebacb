"""The group of API clients: what a shop's program needs, and nothing more."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GROUP = "API clients"
# (app, model, the model's name in words, what its members may do with it)
ALLOWED = [
    ("orders", "order", "order", ("view", "add", "change")),
    ("accounts", "user", "user", ("view", "add", "change")),
    ("orders", "webhookendpoint", "webhook", ("view", "add", "change", "delete")),
]


def create(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Permissions are made after all migrations, too late for this group; what is made here is found there."""
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=GROUP)
    for app, model, words, acts in ALLOWED:
        content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label=app, model=model)
        for act in acts:
            permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
                content_type=content_type, codename=f"{act}_{model}", defaults={"name": f"Can {act} {words}"}
            )
            group.permissions.add(permission)


def remove(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Only the group; the permissions belong to the models."""
    apps.get_model("auth", "Group").objects.filter(name=GROUP).delete()


class Migration(migrations.Migration):
    """Data only."""

    dependencies = [
        ("accounts", "0010_provider_ids_are_no_keys"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("orders", "0007_outgoing_webhooks"),
    ]
    operations = [migrations.RunPython(create, remove)]
