"""Soul Engine: characters read from a frozen model, and injected into it by vectors."""
