"""Files: the package's own data and headers, JSON that others wrote, paths that are whole or absent."""
