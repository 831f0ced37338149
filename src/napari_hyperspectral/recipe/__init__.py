"""What a person decides before training: task, network, preparation, augmentation, training."""
