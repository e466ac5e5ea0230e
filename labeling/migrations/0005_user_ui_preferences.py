"""A labeler's keys, text size and the like."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("labeling", "0004_answer_modes")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="ui_preferences",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="Keys, text size and the like; read and written by labeling/people/habits.py.",
            ),
        ),
    ]
