"""Counts for Prometheus, kept in a file that outlives the processes that count."""
