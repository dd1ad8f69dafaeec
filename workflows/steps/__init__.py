"""The only verbs a runbook may use; each is one checkpoint with a retry policy."""
