"""One account per name and per address, whatever the case; who is out of training is paused."""

from django.db import migrations, models

import labeling.models.folding


class Migration(migrations.Migration):
    dependencies = [("labeling", "0015_people_keys")]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="username_key",
            field=labeling.models.folding.FoldedField(
                editable=False, max_length=450, of="username", unique=True, unless=""
            ),
        ),
        migrations.AlterField(
            model_name="user",
            name="email_key",
            field=labeling.models.folding.FoldedField(
                editable=False,
                max_length=762,
                null=True,
                of="email",
                unique=True,
                unless="email_is_claimed",
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("excluded_at__isnull", True), ("is_paused", True), _connector="OR"
                ),
                name="membership_excluded_is_paused",
            ),
        ),
    ]
