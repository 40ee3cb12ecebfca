"""Whether giving a model an identity quietly damages its reasoning."""
