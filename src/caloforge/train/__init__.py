"""Training (extra ``train``): a recipe, showers and a run folder in; a trained generator out.

:mod:`recipe` says what to do, :mod:`data` brings batches, an :mod:`objective` takes steps,
:mod:`loop` drives them and :mod:`run` keeps the folder from which a killed run resumes exactly.
"""
