"""What `manage.py up` is made of: the parts, their processes, and who watches them."""
