"""Which files or layers are training examples: pairs, lists, folders of classes."""
