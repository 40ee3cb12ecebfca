"""What a person is made of: core facts, attributes, life, introductions."""
