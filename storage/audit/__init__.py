"""The record of what happened: keyed chain, Merkle tree, signed checkpoints."""
