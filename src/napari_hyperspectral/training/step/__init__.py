"""One step of a training: its batch, in parts where memory runs out, and its gradients."""
