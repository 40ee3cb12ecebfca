"""The package's own data and headers, strict JSON, and files that are whole or absent."""
