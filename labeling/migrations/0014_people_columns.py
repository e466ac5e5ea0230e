"""Columns for one account per name and address, and for invitations to an account."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import labeling.models.folding
import labeling.models.people


class Migration(migrations.Migration):
    dependencies = [("labeling", "0013_exact_slots")]

    operations = [
        migrations.AlterModelManagers(
            name="user", managers=[("objects", labeling.models.people.People())]
        ),
        migrations.AddField(
            model_name="user",
            name="email_is_claimed",
            field=models.BooleanField(
                default=False,
                help_text="Nobody has shown yet that mail to this address reaches the person: it "
                "finds no account, and no password is reset by it.",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="account_mail_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When the last mail about it was sent.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="username_key",
            field=labeling.models.folding.FoldedField(
                editable=False, max_length=450, null=True, of="username", unless=""
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="email_key",
            field=labeling.models.folding.FoldedField(
                editable=False, max_length=762, null=True, of="email", unless="email_is_claimed"
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="who",
            field=models.CharField(
                blank=True,
                default="",
                help_text="The user name or e-mail of an account, as it was typed; empty: for a "
                "link.",
                max_length=254,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="invitation",
            name="invitee",
            field=models.ForeignKey(
                blank=True,
                help_text="Whose account `who` was at that time. No page of the project tells "
                "whether there is one.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="username",
            field=models.CharField(
                blank=True, default="", help_text="A proposal.", max_length=150
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="invitation",
            name="full_name",
            field=models.CharField(
                blank=True, default="", help_text="A proposal.", max_length=150
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="invitation",
            name="mailed_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When the mail server took it; else it was shown.",
                null=True,
            ),
        ),
    ]
