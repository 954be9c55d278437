"""Training by conditional energy scores: a network learns a distribution with no discriminator.

:mod:`.features` says what of a shower is looked at, :mod:`.energy_score` compares samples of it,
:mod:`.spread` makes the features' scores comparable and :mod:`.objective` trains by their sum.
"""
