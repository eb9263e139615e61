"""xarray → Icechunk: written whole or not at all, read back before the commit, tagged, and expired safely."""

from simstac.write.containers import Container
from simstac.write.dataset import write
from simstac.write.ensemble import Report, write_ahead, write_study
from simstac.write.expire import Expiry, Retention, Version, delete_store, expire
from simstac.write.files import FilesReport, why_copied, write_files
from simstac.write.reading import (
    StoredRun,
    current_version,
    older_versions,
    open_stored,
    released_versions,
    retire_versions,
    stored_containers,
    stored_fingerprints,
    stored_runs,
    tables_of_files,
)
from simstac.write.refer import write_virtual
from simstac.write.referred import copied_files, read_kept
from simstac.write.workers import Parallel

__all__ = [
    "Container",
    "Expiry",
    "FilesReport",
    "Parallel",
    "Report",
    "Retention",
    "StoredRun",
    "Version",
    "copied_files",
    "current_version",
    "delete_store",
    "expire",
    "older_versions",
    "open_stored",
    "read_kept",
    "released_versions",
    "retire_versions",
    "stored_containers",
    "stored_fingerprints",
    "stored_runs",
    "tables_of_files",
    "why_copied",
    "write",
    "write_ahead",
    "write_files",
    "write_study",
    "write_virtual",
]
