"""The formats of other tools, a module each, and what they share."""
