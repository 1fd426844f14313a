"""Dragonfly: the vision-language model, its processor, prompts and engine."""
