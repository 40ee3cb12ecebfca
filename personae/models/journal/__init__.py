"""The journal, which keeps every answer once, and models that answer from it."""
