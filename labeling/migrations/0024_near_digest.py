from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0023_whole_messages'),
    ]

    operations = [
        migrations.AddField(
            model_name='prompt',
            name='near_digest',
            field=models.CharField(blank=True, db_default='', default='', help_text='SHA-256 of the messages, loosely read: near copies.', max_length=64),
        ),
        migrations.AlterField(
            model_name='response',
            name='source',
            field=models.CharField(blank=True, help_text='Model or policy name.', max_length=500),
        ),
        migrations.AddIndex(
            model_name='prompt',
            index=models.Index(fields=['project', 'near_digest'], name='prompt_near_copies'),
        ),
    ]
