"""Soul Engine: levels and identity of characters in a frozen model, read and put in."""
