"""What a model is asked to do: its loss and its scores, one module a task."""
