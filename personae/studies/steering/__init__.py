"""Trait steering: at which block and strength it works, at what cost, with which side effects."""
