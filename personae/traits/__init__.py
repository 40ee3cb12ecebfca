"""The field's vocabulary: trait words, norms, and the grammatical person of items."""
