"""Whether generated citizens answer as real ones do."""
