"""A model at work inside a Geant4 event loop, beside full simulation of the same events.

Particles are tracked to the calorimeter's face; there a stepping action kills those that the
model was made for, and at the end of the event their showers are made and put onto the pads.
"""
