"""Processes that train one network together.

:mod:`.group` is all that a training needs of them; :mod:`.launch` starts them, :mod:`.cores` says
where they compute.
"""
