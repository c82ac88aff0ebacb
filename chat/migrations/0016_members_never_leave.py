"""Nobody leaves a conversation; no row is changed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0015_announced_lines"),
    ]

    operations = [
        migrations.AlterField(
            model_name="member",
            name="state",
            field=models.CharField(choices=[("JOINED", "joined")], default="JOINED", max_length=10, verbose_name="state"),
        ),
    ]
