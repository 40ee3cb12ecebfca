"""GGUF files, read and written by numpy."""
