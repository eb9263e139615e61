"""Values that are in a store already: fixed fields to compare with, and data of files that are gone."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.sources.cf.facts import VariableFacts
from simstac.write.arrays import array_at
from simstac.write.variables import Slab

if TYPE_CHECKING:
    import zarr


class StoredFields:
    """The arrays of a store as they were before it is changed.

    Attributes:
        href: The store's address.
    """

    def __init__(self, href: str, root: zarr.Group | None) -> None:
        """Remember the store; ``root`` is None where it is new."""
        self.href = href
        self._root = root

    def __contains__(self, name: str) -> bool:
        """Whether the store has a variable."""
        return self._root is not None and name in self._root

    def values(self, name: str) -> NDArray[Any]:
        """All values of a variable."""
        return self.read(name, ())

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a variable."""
        return self._array(name).shape

    def read(self, name: str, slab: Slab) -> NDArray[Any]:
        """A slab of a variable; all of it where no slab is given."""
        values = np.asarray(self._array(name)[slab or ...])
        return values.astype(object) if values.dtype.kind == "T" else values

    def digest(self, facts: VariableFacts) -> str:
        """SHA-256 of the values of a variable."""
        values = self.values(facts.name)
        raw = json.dumps(values.tolist()).encode() if values.dtype.kind == "O" else (values + 0).tobytes()
        return hashlib.sha256(raw).hexdigest()

    def _array(self, name: str) -> zarr.Array[Any]:
        if self._root is None:
            raise KeyError(name)
        return array_at(self._root, name)
