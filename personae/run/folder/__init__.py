"""The folder of a run: its manifest, its lock, and earlier runs."""
