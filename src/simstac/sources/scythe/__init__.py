"""Scythe experiments: their versions and runs in a bucket or a folder, read without Scythe as xarray Datasets."""
