"""xarray → Icechunk: written whole or not at all, read back before the commit, tagged."""

from simstac.write.dataset import write
from simstac.write.ensemble import Report, write_study
from simstac.write.expire import Expiry, Version, delete_store, expire
from simstac.write.reading import older_versions, open_stored, stored_fingerprints

__all__ = ["Report", "older_versions", "open_stored", "stored_fingerprints", "write", "write_study"]
