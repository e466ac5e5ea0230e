"""Tokens that were kept readable go on working, by their hashes; the readable ones are deleted.

They lie in the table of `rest_framework.authtoken`, which is no longer installed: a fresh database
has no such table.
"""

import hashlib

from django.db import migrations
from django.utils import timezone

OLD_TABLE = 'authtoken_token'


def hash_tokens(apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        if OLD_TABLE not in connection.introspection.table_names(cursor):
            return
        cursor.execute(f'SELECT key, created, user_id FROM {OLD_TABLE}')
        rows = cursor.fetchall()
    ApiToken = apps.get_model('labeling', 'ApiToken')
    for key, created, user_id in rows:
        # SQLite gives its moments without a zone: they are UTC.
        created = timezone.make_aware(created, timezone.get_fixed_timezone(0)) if timezone.is_naive(created) else created
        token = ApiToken.objects.create(
            user_id=user_id,
            name=f'Made on {created:%-d %b %Y}',
            prefix=key[:8],
            digest=hashlib.sha256(key.encode()).hexdigest(),
            # What every token could do until now.
            can_read=True,
            can_label=True,
            can_write=True,
        )
        ApiToken.objects.filter(pk=token.pk).update(created_at=created)
    with connection.cursor() as cursor:
        if connection.vendor == 'sqlite':
            cursor.execute('PRAGMA secure_delete = ON')  # overwritten in the file, not only unlinked
        cursor.execute(f'DELETE FROM {OLD_TABLE}')


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0017_doors_api_tokens'),
    ]

    operations = [
        # Backwards the readable keys cannot be had again: people make new tokens.
        migrations.RunPython(hash_tokens, migrations.RunPython.noop),
    ]
