from django.db import migrations


class Migration(migrations.Migration):
    """The share of judgments that say what was settled is no agreement of people: that word is for
    the share of pairs of judgments that say the same."""

    dependencies = [("labeling", "0029_loop_settings")]

    operations = [
        migrations.RenameField("preference", "agreement", "vote_share"),
    ]
