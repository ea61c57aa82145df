"""Folders, on this machine or as prefixes in S3, for manifests, inboxes and outputs."""
