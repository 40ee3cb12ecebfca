"""Trees of attributes: shipped, mined from conversations, merged."""
