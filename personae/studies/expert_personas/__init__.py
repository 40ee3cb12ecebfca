"""Whether an expert persona makes answers more often correct."""
