"""Forward passes over many texts at once, in which each shared token is read once."""
