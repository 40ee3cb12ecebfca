"""Model or text in, Answers out."""
