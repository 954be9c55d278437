"""Training (extra ``train``): a recipe, showers and a run folder in; a trained generator out.

:mod:`.recipe` says what to do, :mod:`.data` brings batches, the network's objective takes steps and
measures, :mod:`.loop` drives it and :mod:`.run` keeps the folder from which a killed run resumes
exactly.  Nothing here knows any one network.
"""
