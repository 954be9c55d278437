"""Pruning (extra ``train``): channels that matter least leave a network, the rest trains on.

:mod:`.channels` takes them out, :mod:`.run` goes the whole way.
"""
