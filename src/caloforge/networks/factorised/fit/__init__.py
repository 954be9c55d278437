"""What is trained and measured of the factorised network."""
