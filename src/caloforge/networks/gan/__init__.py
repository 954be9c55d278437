"""The 3DGANs: generators, discriminators, and the objective that sets them against each other."""
