"""The field's vocabulary: trait words, norms, and how an item is put into another person."""
