"""Simulation results as xarray: one file or folder a format, each of them an xarray backend."""
