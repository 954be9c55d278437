"""The networks (PyTorch, extra ``train``): a folder each, and one table in :mod:`.spec`.

A network knows shapes, physics scaling and its own training; it knows nothing about files.
"""
