"""When the mark of a member last passed a message; not known of what was seen before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0016_members_never_leave"),
    ]

    operations = [
        migrations.AddField(
            model_name="member",
            name="seen_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="seen at"),
        ),
    ]
