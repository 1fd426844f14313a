"""How good the answers are: scores by named definitions, with the uncertainty of each. No torch."""
