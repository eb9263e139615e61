"""What changed in a store, for tests."""

import icechunk

from simstac.storage import LocalPath, icechunk_storage


def chunks_between(href: str, old: str, new: str) -> dict[str, list[tuple[int, ...]]]:
    """The chunks that differ between two snapshots, by array."""
    repository = icechunk.Repository.open(icechunk_storage(href, LocalPath()))
    diff = repository.diff(from_snapshot_id=old, to_snapshot_id=new)
    return {path: sorted(map(tuple, chunks)) for path, chunks in diff.updated_chunks.items() if chunks}
