"""Search over training (extra ``search``): trials of one recipe's options by several workers.

:mod:`space` says what is searched, :mod:`queue` shares trials between workers that may die,
:mod:`trial` trains one, :mod:`front` shows what was found.
"""
