"""Ids and sides of hand-outs are drawn, no longer computed; what is to be settled anew has a column.

What nobody holds at the moment gets a new id and new sides. A lease that runs keeps both: its page
may be open.
"""

import secrets
import uuid

from django.db import migrations, models
from django.utils import timezone

BATCH = 500


def draw_anew(apps, schema_editor):
    Assignment = apps.get_model("labeling", "Assignment")
    ended = Assignment.objects.filter(state__in=["expired", "released"]).order_by("pk")
    last = 0
    while batch := list(ended.filter(pk__gt=last)[:BATCH]):
        for assignment in batch:
            assignment.uuid = uuid.uuid4()
            if assignment.showing == 1:
                order = assignment.order
                assignment.order = secrets.SystemRandom().sample(order, len(order))
        Assignment.objects.bulk_update(batch, ["uuid", "order"])
        last = batch[-1].pk


def keep_marks(apps, schema_editor):
    Membership = apps.get_model("labeling", "Membership")
    for membership in Membership.objects.filter(measured__has_key="pending"):
        membership.measured.pop("pending")
        membership.resettle_since = timezone.now()
        membership.save(update_fields=["measured", "resettle_since"])


class Migration(migrations.Migration):
    dependencies = [("labeling", "0012_reward_bootstrap")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="resettle_since",
            field=models.DateTimeField(
                blank=True,
                help_text="Set when their judgments count differently, until what they settled follows.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="assignment",
            name="uuid",
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
        migrations.RunPython(draw_anew, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(keep_marks, migrations.RunPython.noop, elidable=True),
    ]
