"""Django admin over people and data: to look anything up, and to mend what has no page.

Append-only tables are read-only here: what is on record cannot be changed or deleted by hand.
"""

from django.contrib import admin

from labeling.admin import material as material
from labeling.admin import people as people
from labeling.admin import records as records

admin.site.site_header = "Preferable"
admin.site.site_title = "Preferable admin"
admin.site.index_title = "Every table"
