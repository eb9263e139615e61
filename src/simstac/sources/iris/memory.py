"""A netCDF dataset in memory, with as much of netCDF4's interface as Iris's saver and loader use: no file, no copies.

Arrays keep their masks, integers their type and strings their letters on the way through it; a netCDF file, and what
imitates one more closely, keeps none of the three.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Attributes:
    """Attributes as netCDF4 has them: by method, and as Python attributes."""

    THREAD_SAFE_FLAG = True
    """Tells Iris not to wrap it, which would turn strings into bytes."""
    own: frozenset[str] = frozenset({"attrs"})
    """The Python attributes that are not netCDF's."""

    def __init__(self) -> None:
        self.attrs: dict[str, Any] = {}

    def ncattrs(self) -> list[str]:
        """The names of the attributes."""
        return list(self.attrs)

    def getncattr(self, name: str) -> Any:
        """An attribute.

        Raises:
            AttributeError: If there is none of that name.
        """
        if name not in self.attrs:
            raise AttributeError(name)
        return self.attrs[name]

    def setncattr(self, name: str, value: Any) -> None:
        """Set an attribute; text that Iris hands over as bytes becomes text again."""
        self.attrs[name] = value.decode() if isinstance(value, bytes) else value

    def set_auto_chartostring(self, _: bool) -> None:
        """Nothing to do: text is never split into letters here unless Iris asks for bytes."""

    def __getattr__(self, name: str) -> Any:
        if name == "attrs" or name not in self.attrs:
            raise AttributeError(name)
        return self.attrs[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.own:
            super().__setattr__(name, value)
        else:
            self.setncattr(name, value)


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension.

    Attributes:
        name: Its name.
        size: Its length.
    """

    name: str
    size: int

    def __len__(self) -> int:
        """The length, as netCDF4 gives it."""
        return self.size

    def isunlimited(self) -> bool:
        """Never: the data are whole."""
        return False


class Variable(_Attributes):
    """A variable with its array: numpy or dask, masked or not; text as arrays of strings."""

    own = frozenset({"attrs", "owner", "name", "dtype", "dimensions", "fill_value", "_data_array"})

    def __init__(self, owner: Dataset, name: str, dtype: np.dtype[Any], dimensions: Sequence[str]) -> None:
        """A variable without data yet."""
        super().__init__()
        self.owner = owner
        self.name = name
        self.dtype = np.dtype(dtype)
        self.dimensions = tuple(dimensions)
        self.fill_value: Any = None
        self._data_array: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, by its dimensions."""
        return tuple(self.owner.dimensions[name].size for name in self.dimensions)

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return len(self.dimensions)

    @property
    def size(self) -> int:
        """How many values it has."""
        return int(np.prod(self.shape))

    @property
    def datatype(self) -> np.dtype[Any]:
        """The type of its values."""
        return self.dtype

    @property
    def data(self) -> Any:
        """Its array as Iris gave it."""
        return self._data_array

    def settle(self) -> None:
        """Bring numbers into this machine's order of bytes, and a single string into no dimension."""
        array = self._data_array
        if array is None:
            return
        if not array.dtype.isnative and array.dtype.kind != "U":
            self._data_array = array.astype(array.dtype.newbyteorder("="))
        elif array.dtype.kind == "U" and array.ndim == len(self.dimensions):
            self._data_array = array.reshape(array.shape[1:])

    def group(self) -> Dataset:
        """The dataset that it is in."""
        return self.owner

    def chunking(self) -> None:
        """None: the array has chunks of its own."""

    def __getitem__(self, keys: Any) -> Any:
        """Values, read where they are lazy."""
        array = self._data_array[keys]
        return array.compute() if hasattr(array, "compute") else array

    def __len__(self) -> int:
        """The length of its first dimension, as netCDF4 gives it."""
        return self.shape[0]


class Dataset(_Attributes):
    """Dimensions, variables and global attributes."""

    own = frozenset({"attrs", "dimensions", "variables"})
    file_format = "NETCDF4"
    groups: None = None

    def __init__(self) -> None:
        """An empty dataset."""
        super().__init__()
        self.dimensions: dict[str, Dimension] = {}
        self.variables: dict[str, Variable] = {}

    def createDimension(self, name: str, size: int) -> Dimension:  # noqa: N802  # as netCDF4 calls it
        """Add a dimension."""
        self.dimensions[name] = Dimension(name, int(size or 0))
        return self.dimensions[name]

    def createVariable(  # noqa: N802  # as netCDF4 calls it
        self, name: str, datatype: Any, dimensions: Sequence[str] = (), fill_value: Any = None, **_: Any
    ) -> Variable:
        """Add a variable; what concerns files alone is ignored."""
        self.variables[name] = Variable(self, name, np.dtype(datatype), dimensions)
        self.variables[name].fill_value = fill_value
        return self.variables[name]

    def add(self, name: str, dimensions: Sequence[str], array: Any, attrs: dict[str, Any]) -> None:
        """Add a variable with its data; strings as the bytes that Iris reads, in UTF-8, which it takes them for."""
        if array.dtype.kind in "OUT":
            array, length = _bytes_of(np.asarray(array))
            dimensions = (*dimensions, f"string{length}")
        for dimension, size in zip(dimensions, array.shape, strict=True):
            self.createDimension(dimension, size)
        variable = self.createVariable(name, array.dtype, dimensions)
        variable.attrs |= attrs
        variable._data_array = array  # noqa: SLF001  # the name that Iris looks for

    def sync(self) -> None:
        """Nothing to do in memory."""

    def close(self) -> None:
        """Nothing to do in memory."""

    def isopen(self) -> bool:
        """Always."""
        return True

    def filepath(self) -> str:
        """What Iris calls it in its messages."""
        return "memory"


def _bytes_of(strings: NDArray[Any]) -> tuple[NDArray[np.bytes_], int]:
    encoded = [codecs.encode(str(each), "utf-8") for each in strings.ravel()]
    length = max(1, *map(len, encoded)) if encoded else 1
    padded = np.array(encoded, dtype=f"S{length}")
    return padded.view("S1").reshape(*strings.shape, length), length
