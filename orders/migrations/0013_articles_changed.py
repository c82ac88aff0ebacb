"""When what was ordered changed last, so that an order whose customer knows another one can be found."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """The index holds the few orders that ever changed."""

    dependencies = [
        ("orders", "0012_failed_rows_of_the_outbox"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="articles_changed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="articles changed"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("articles_changed_at__isnull", False)),
                fields=["articles_changed_at"],
                name="orders_with_changed_articles",
            ),
        ),
    ]
