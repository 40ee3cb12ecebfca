"""Problems and opinions put to a model, and the coding of its replies."""
