"""Paths in buckets mounted with s3fs-fuse: their canonical address, and mounts that are lost, empty or stale.

Nothing here mounts or unmounts. The bucket's answer counts: what the mount shows is compared with it.
"""

from simstac.sources.mounts.find import Origin, canonical, refuse_lost_mounts
from simstac.sources.mounts.inputs import Access, Input, described, find_inputs, refuse_changes

__all__ = ["Access", "Input", "Origin", "canonical", "described", "find_inputs", "refuse_changes", "refuse_lost_mounts"]
