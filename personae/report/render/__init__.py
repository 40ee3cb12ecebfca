"""A report as JSON, a page, a picture, a terminal screen."""
