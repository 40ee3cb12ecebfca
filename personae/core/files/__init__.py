"""The package's own data and headers, strict JSON, and atomic writing of files."""
