"""The local engine: open models on this machine."""
