"""A Report in, JSON, HTML or text out."""
