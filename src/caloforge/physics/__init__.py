"""Physics of showers: observables, measured angle and distances, as pure functions on arrays."""
