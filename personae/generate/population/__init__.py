"""Populations by design: quotas, margins, conditional draws, rules, traits."""
