"""The factorised network: a shower as a chain of small steps, one file each.

:mod:`.fit` is what of it is trained and measured.
"""
