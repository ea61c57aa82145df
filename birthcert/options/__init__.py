"""The command line's flags in groups, by command, and the request fields that they become."""
