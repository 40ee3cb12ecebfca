"""One file a published system: composes, concludes, returns a Report."""
