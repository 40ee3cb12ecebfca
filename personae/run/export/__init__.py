"""Opens finished runs, and writes them in other tools' formats."""
