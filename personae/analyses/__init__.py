"""Answers or runs in, a Report out: scoring and comparison."""
