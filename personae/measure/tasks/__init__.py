"""Problems and opinions put to a model, and what a reply to them counts as."""
