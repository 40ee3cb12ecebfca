"""Questionnaires: forms, administration, statements."""
