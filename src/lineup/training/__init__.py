"""How a model is trained: augmentation, optimisation, checkpoints and the loop."""
