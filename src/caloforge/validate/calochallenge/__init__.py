"""The CaloChallenge's evaluation (arXiv 2410.21611), written anew from its published description.

Definitions and settings follow the Challenge's paper and public evaluation script
(https://github.com/CaloChallenge/homepage); its published results stand in ``*.csv``.
"""
