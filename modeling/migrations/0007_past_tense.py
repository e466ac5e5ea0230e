"""Rounds that have ended say in the past why their policy was kept."""

import re

from django.db import migrations

SAID = re.compile(r"The policy is improved after (\d+) more preferences\.")


def say_it_in_the_past(apps, schema_editor):
    Round = apps.get_model("modeling", "Round")
    rows = Round.objects.filter(reason__startswith="The policy is improved after ")
    for round_ in rows.only("pk", "reason").iterator(500):
        if said := SAID.fullmatch(round_.reason):
            reason = f"The policy was not improved: {said[1]} more preferences were needed for that."
            Round.objects.filter(pk=round_.pk).update(reason=reason)


class Migration(migrations.Migration):
    dependencies = [("modeling", "0006_runs_model_files")]

    operations = [migrations.RunPython(say_it_in_the_past, migrations.RunPython.noop)]
