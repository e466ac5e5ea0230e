import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


def remove_doubles(apps, schema_editor):
    """Backwards: an earlier version has each content once in a project. What was taken by hand with
    equal content under several names keeps its first row; the file is the same."""
    if schema_editor.connection.vendor == "postgresql":
        # Or the tables could not be altered later in this transaction.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    Snapshot = apps.get_model("labeling", "Snapshot")
    seen = set()
    for pk, *content in Snapshot.objects.order_by("id").values_list("id", "project_id", "sha256"):
        if tuple(content) in seen:
            Snapshot.objects.filter(pk=pk, origin="curator").delete()
        seen.add(tuple(content))


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0034_outside_labelers'),
    ]

    operations = [
        migrations.CreateModel(
            name='SnapshotFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Style and format, such as trl-kto.parquet.', max_length=80)),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.PositiveBigIntegerField()),
                ('rows', models.PositiveIntegerField()),
                ('left_out', models.PositiveIntegerField(default=0, help_text='Preferences that the shape has no place for.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='SnapshotPush',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('repo_id', models.CharField(max_length=96)),
                ('is_private', models.BooleanField(default=True)),
                ('sealed_token', models.TextField(blank=True)),
                ('state', models.CharField(choices=[('waiting', 'waiting for a worker'), ('running', 'under way'), ('done', 'done'), ('failed', 'failed')], default='waiting', max_length=7)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('done', models.PositiveIntegerField(default=0, help_text='Files that have been sent.')),
                ('total', models.PositiveIntegerField(default=0)),
                ('problem', models.CharField(blank=True, max_length=500)),
                ('commit', models.CharField(blank=True, help_text="The hub's, when it is done.", max_length=64)),
                ('url', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('touched_at', models.DateTimeField(help_text='When somebody last worked on it.')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='SnapshotTaking',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80)),
                ('description', models.CharField(blank=True, max_length=2000)),
                ('licence', models.CharField(blank=True, max_length=60)),
                ('filters', models.JSONField(blank=True, default=dict)),
                ('up_to', models.BigIntegerField(help_text='Preferences with a higher id are not in it.')),
                ('total', models.PositiveIntegerField()),
                ('done', models.PositiveIntegerField(default=0)),
                ('state', models.CharField(choices=[('waiting', 'waiting for a worker'), ('running', 'under way'), ('done', 'done'), ('failed', 'failed')], default='waiting', max_length=7)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('problem', models.CharField(blank=True, max_length=500)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('touched_at', models.DateTimeField(help_text='When somebody last worked on it.')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='snapshot',
            name='snapshot_once_per_content',
        ),
        migrations.AddField(
            model_name='snapshot',
            name='counts',
            field=models.JSONField(blank=True, default=dict, help_text='By split, provenance and kind; agreement.'),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='description',
            field=models.CharField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='filters',
            field=models.JSONField(blank=True, default=dict, help_text='Which preferences were asked for.'),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='guidelines',
            field=models.JSONField(blank=True, default=list, help_text='Versions that its judgments were made by.'),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='licence',
            field=models.CharField(blank=True, help_text='As the hub writes it, such as cc-by-4.0.', max_length=60),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='name',
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='origin',
            field=models.CharField(choices=[('training', 'for a training'), ('curator', 'by hand')], default='training', max_length=8),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='votes_sha256',
            field=models.CharField(blank=True, help_text='Of the file with the judgments that settled each preference.', max_length=64),
        ),
        migrations.AddConstraint(
            model_name='snapshot',
            constraint=models.CheckConstraint(condition=models.Q(('origin__in', ['training', 'curator'])), name='snapshot_origin_known'),
        ),
        migrations.AddConstraint(
            model_name='snapshot',
            constraint=models.UniqueConstraint(condition=models.Q(('origin', 'training')), fields=('project', 'sha256'), name='snapshot_of_training_once_per_content'),
        ),
        migrations.AddConstraint(
            model_name='snapshot',
            constraint=models.UniqueConstraint(models.F('project'), django.db.models.functions.text.Lower('name'), condition=models.Q(('name', ''), _negated=True), name='snapshot_name_once_per_project'),
        ),
        migrations.AddConstraint(
            model_name='snapshot',
            constraint=models.CheckConstraint(condition=models.Q(('origin', 'training'), models.Q(models.Q(('name', ''), _negated=True), models.Q(('votes_sha256', ''), _negated=True)), _connector='OR'), name='snapshot_by_hand_has_name_and_votes'),
        ),
        migrations.AddField(
            model_name='snapshotfile',
            name='of',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='labeling.snapshot'),
        ),
        migrations.AddField(
            model_name='snapshotpush',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='snapshotpush',
            name='of',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pushes', to='labeling.snapshot'),
        ),
        migrations.AddField(
            model_name='snapshottaking',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='snapshottaking',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='snapshot_takings', to='labeling.project'),
        ),
        migrations.AddConstraint(
            model_name='snapshotfile',
            constraint=models.UniqueConstraint(fields=('of', 'name'), name='snapshot_file_once_per_name'),
        ),
        migrations.AddConstraint(
            model_name='snapshotpush',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'done', 'failed'])), name='snapshot_push_state_known'),
        ),
        migrations.AddConstraint(
            model_name='snapshotpush',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('repo_id'), condition=models.Q(('state__in', ['waiting', 'running'])), name='snapshot_push_one_at_a_time_per_repository'),
        ),
        migrations.AddConstraint(
            model_name='snapshotpush',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running']), ('sealed_token', ''), _connector='OR'), name='snapshot_push_keeps_no_token_when_it_ends'),
        ),
        migrations.AddConstraint(
            model_name='snapshotpush',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), models.Q(('commit', ''), _negated=True), _connector='OR'), name='snapshot_push_done_has_commit'),
        ),
        migrations.AddConstraint(
            model_name='snapshottaking',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'running', 'done', 'failed'])), name='snapshot_taking_state_known'),
        ),
        migrations.AddConstraint(
            model_name='snapshottaking',
            constraint=models.UniqueConstraint(models.F('project'), django.db.models.functions.text.Lower('name'), name='snapshot_taking_name_once_per_project'),
        ),
        migrations.RunPython(migrations.RunPython.noop, remove_doubles),
    ]
