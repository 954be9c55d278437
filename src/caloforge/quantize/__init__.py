"""From a trained network to a model file, and from that to smaller and faster ones."""
