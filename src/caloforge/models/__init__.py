"""The networks (PyTorch, extra ``train``): one file each, and one table in :mod:`.spec`.

A network knows shapes and physics scaling; it knows nothing about files, losses or ranks.
"""
