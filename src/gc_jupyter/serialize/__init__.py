"""Python values <-> wire text: one strategy a class, ComputeSerializer in front."""
