"""Requests as one server takes them: its address, its headers, the fields it knows."""
