"""Training: from a corpus to a model that explains what it hears."""
