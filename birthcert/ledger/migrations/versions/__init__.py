"""The steps, one file a schema version."""
