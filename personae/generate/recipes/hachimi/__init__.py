"""Students by exact quotas, under a schema and rules."""
