"""What `manage.py doctor` says: the configuration in plain words, and what the providers say of it."""
