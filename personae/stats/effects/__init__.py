"""Differences and effects: sizes, paired shifts, rates, ranks, dose and response, equivalence."""
