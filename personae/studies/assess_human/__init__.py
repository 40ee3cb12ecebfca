"""What a model thinks of groups of people: the type it ascribes, and whether it is fair."""
