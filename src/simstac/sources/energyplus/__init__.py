"""EnergyPlus results as an xarray backend, from ``eplusout.sql`` or from ``.eso``, ``.mtr`` and ``.eio``."""
