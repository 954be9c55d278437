"""The networks (PyTorch, extra ``train``): one file each, one table in :mod:`caloforge.models.spec`.

A network knows shapes and physics scaling; it knows nothing about files, losses or ranks.
"""
