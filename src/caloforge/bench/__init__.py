"""Time sources of showers side by side: same cores, same run, medians with their spread."""
