"""Character cards: their fields, macros, and the files and pictures that hold them."""
