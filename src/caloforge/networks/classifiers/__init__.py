"""The CaloChallenge's classifiers (arXiv 2410.21611): architectures, and how they are trained."""
