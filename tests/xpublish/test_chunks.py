"""A dataset as Zarr keys and back: through the keys alone, every value returns."""

import asyncio

import numpy as np
import xarray as xr
import zarr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from simstac.xpublish import chunks
from simstac.xpublish.chunks import encoded_chunks, stored_chunks

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
DTYPES = st.sampled_from(["f4", "f8", "i2", "u1", "bool", "M8[s]"])


def copied(source: object, keys: list[str]) -> MemoryStore:
    """A store that was filled by asking for keys."""
    store = MemoryStore()

    async def fill() -> None:
        for key in keys:
            content = await source.get(key)
            if content is not None:
                await store.set(key, default_buffer_prototype().buffer.from_bytes(content))

    asyncio.run(fill())
    return store


def all_keys(source: object) -> list[str]:
    found = list(source.documents)
    for path, array in source.arrays.items():
        grid = [range(-(-size // length)) for size, length in zip(array.shape, array.chunks, strict=True)]
        indexes = np.array(np.meshgrid(*grid, indexing="ij")).reshape(len(grid), -1).T if grid else [()]
        found += [f"{path}/{array.metadata.encode_chunk_key(tuple(map(int, index)))}" for index in indexes]
    return found


@settings(max_examples=30, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # an example takes long to shrink
@given(st.data(), st.tuples(st.integers(1, 5), st.integers(1, 7)), DTYPES)
def test_a_dataset_returns_through_its_keys(data, shape, dtype):
    if dtype == "M8[s]":
        values = data.draw(arrays(np.int64, shape, elements=st.integers(0, 2**32))).astype("M8[s]")
    else:
        values = data.draw(arrays(np.dtype(dtype), shape))
    words = data.draw(st.lists(WORDS, min_size=shape[0], max_size=shape[0]))
    attrs = {} if dtype == "M8[s]" else {"units": "1"}
    dataset = xr.Dataset({"v": (("y", "x"), values, attrs)}, {"name": ("y", words)})
    before, chunks.grid_chunks = chunks.grid_chunks, lambda dims, shape, *_: tuple(min(2, size) for size in shape)
    try:
        encoded = encoded_chunks(dataset)
    finally:
        chunks.grid_chunks = before
    with xr.open_zarr(copied(encoded, all_keys(encoded)), consolidated=True) as back:
        np.testing.assert_array_equal(back["v"].values, values)
        assert back["name"].values.tolist() == words


def test_strings_of_any_kind_return_through_their_keys():
    words = np.array(["a", "", "ß"])
    kinds = {"fixed": words, "object": words.astype(object), "variable": words.astype(np.dtypes.StringDType())}
    encoded = encoded_chunks(xr.Dataset({name: ("x", values) for name, values in kinds.items()}))
    with xr.open_zarr(copied(encoded, all_keys(encoded)), consolidated=True) as back:
        assert [back[name].values.tolist() for name in kinds] == [words.tolist()] * 3


def test_zarr_of_both_formats_returns_through_its_keys(grid):
    for version in (2, 3):
        store = MemoryStore()
        grid.drop_vars("band").to_zarr(store, zarr_format=version, consolidated=False)
        source = stored_chunks(store)
        with xr.open_zarr(copied(source, all_keys(source)), consolidated=True) as back:
            xr.testing.assert_identical(back.load().drop_encoding(), grid.drop_vars("band"))


def test_shards_are_keys_and_their_chunks_are_not():
    store = MemoryStore()
    zarr.create_group(store).create_array("v", shape=(8,), chunks=(2,), shards=(4,), dtype="i4")[...] = np.arange(1, 9)
    source = stored_chunks(store)
    assert [asyncio.run(source.get(f"v/c/{index}")) is not None for index in range(3)] == [True, True, False]
