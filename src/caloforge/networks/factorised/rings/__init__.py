"""The steps of the factorised network where cells are rings and sectors about the particle."""
