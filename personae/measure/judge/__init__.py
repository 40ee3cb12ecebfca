"""Models and word lists that judge texts."""
