"""Training: records of pictures and conversations to a model, a projector or an adapter."""
