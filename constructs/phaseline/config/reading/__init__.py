"""From the YAML to entries: every key, what it may hold, and where in the file it stands."""
