"""From a description to a trusted model: what a user would type verb by verb, typed for them.

:mod:`.request` is what was asked, :mod:`.probe` what a handful of showers say of it (containment,
seconds), :mod:`.recipe` the defaults that the training sample suggests, :mod:`.steps` the command
lines, and :mod:`.run` runs those that are not done yet.  The work is all the verbs'.
"""
