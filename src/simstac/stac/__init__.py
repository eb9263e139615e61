"""Dataset + Stored + Metadata → STAC documents: extents, data cubes, extensions, studies, versions and validation.

Links between documents are written by `simstac.catalog`, not here.
"""
