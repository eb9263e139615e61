"""Indexed files as one dataset: their order along the dimension that grows, the small variables, and the arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.sources.cf.calendars import refuse_doubtful_together
from simstac.sources.cf.options import CfOptions
from simstac.sources.virtual.agreement import Labelled, chosen_along, ordered, refuse_disagreements
from simstac.sources.virtual.header import Headed, headed
from simstac.sources.virtual.layout import Placed, chosen_layout, referenced_array, refuse_other_packing
from simstac.sources.virtual.places import PlacedFile
from simstac.sources.virtual.references import IndexedFile, Kept, ReferencedArray, References

if TYPE_CHECKING:
    import xarray as xr


class OtherAxisError(Exception):
    """Files were indexed along another dimension than the one that they continue.

    Attributes:
        along: The dimension that they continue.
    """

    def __init__(self, along: str) -> None:
        """Say which."""
        super().__init__(along)
        self.along = along


def combine(
    files: Sequence[IndexedFile], held: Kept, places: Mapping[str, PlacedFile], options: CfOptions
) -> References:
    """Join files along the dimension that grows, in the order of its labels.

    Args:
        files: The files that are new or changed, and one that the store refers to where it has others.
        held: Those others, as the store has them.
        places: Where they are, by address.
        options: What to read of the files, and what is no error.

    Raises:
        SourceError: If they do not make one dataset: it names the files that disagree, overlap or leave steps out.
        UnfitError: If they do, and cannot be referred to as one.
        OtherAxisError: If they have to be indexed again, along another dimension.
    """
    wished = options.along or ((held.along,) if held.along else ())
    heads = headed(files, wished)
    along = chosen_along(heads, replace(options, along=wished))
    if along != files[0].index.along:
        raise OtherAxisError(along)
    refuse_disagreements(heads, along, options)
    everywhere = [*(each.file for each in files), *(places[url] for url in held.urls)]
    lengths = [*(each.index.length if along else 1 for each in files), *held.lengths]
    ranks = _ranks(everywhere, heads, held, along, options) if along in heads[0].facts.labels else [0]
    indexed = [*files, *(None for _ in held.urls)]
    starts = np.cumsum([0, *(lengths[rank] for rank in ranks)]).tolist()
    placed = [
        Placed(everywhere[rank], start, lengths[rank], indexed[rank])
        for rank, start in zip(ranks, starts, strict=False)
    ]
    arrays, reasons = _arrays(files, placed, along, is_known=bool(held.urls))
    reasons |= {url: reason for url, reason in zip(held.urls, held.copied, strict=True) if reason}
    versions = [*(each.file.version for each in files), *held.versions]
    return References(
        along=along,
        small=_small(heads, held, ranks, lengths, along),
        arrays=arrays,
        urls=tuple(each.file.url for each in placed),
        versions=tuple(versions[rank] for rank in ranks),
        starts=tuple(each.start for each in placed),
        lengths=tuple(each.length for each in placed),
        copied=tuple(reasons.get(each.file.url, "") for each in placed),
    )


def _ranks(
    files: Sequence[PlacedFile], heads: Sequence[Headed], held: Kept, along: str, options: CfOptions
) -> list[int]:
    """The order of all files, as indices."""
    labels = [each.facts.labels[along].values for each in heads]
    about = heads[0].facts.labels[along].variable
    if held.urls:
        labels += np.split(held.small[about][1], np.cumsum(held.lengths)[:-1])
    else:
        unnamed = [each for each in heads if about in each.indexed.index.assumed]
        units = [str(each.indexed.index.variables[about].attrs["units"]) for each in unnamed]
        own = [each.facts.labels[along].values for each in unnamed]
        refuse_doubtful_together(own, units, f"{heads[0].where}: {about}")
    labelled = [Labelled(file, own) for file, own in zip(files, labels, strict=True)]
    return ordered(labelled, heads[0], along, options)


def _arrays(
    files: Sequence[IndexedFile], placed: Sequence[Placed], along: str, *, is_known: bool
) -> tuple[dict[str, ReferencedArray], dict[str, str]]:
    """The large variables, and why files are copied into them, by their addresses.

    Where the store holds other files of theirs, it refers to the first one, which tells how they lie.
    """
    arrays: dict[str, ReferencedArray] = {}
    reasons: dict[str, str] = {}
    for name in files[0].index.variables:
        if all(each.index.variables[name].values is not None for each in files):
            continue
        lengths = [each.length for each in placed]
        layout = chosen_layout(name, files[:1] if is_known else files, lengths, along)
        refuse_other_packing(layout, files)
        arrays[name], unfit = referenced_array(layout, placed, along)
        reasons = unfit | reasons
    return arrays, reasons


def _small(heads: Sequence[Headed], held: Kept, ranks: Sequence[int], lengths: Sequence[int], along: str) -> xr.Dataset:
    """The variables that are copied, as they are stored, in the order of the files."""
    import xarray as xr  # noqa: PLC0415  # 1.8 s that --help need not pay

    first = heads[0]
    ends = np.cumsum(lengths)
    rows = np.concatenate([np.arange(ends[rank] - lengths[rank], ends[rank]) for rank in ranks])
    variables = {}
    for name, variable in first.variables.items():
        if any(name not in each.values for each in heads):
            continue
        values: NDArray[Any] = first.values[name]
        if along in variable.dims:
            axis = variable.dims.index(along)
            parts = [each.values[name] for each in heads]
            parts += [held.small[name][1]] if held.urls else []
            values = np.take(np.concatenate(parts, axis=axis), rows, axis=axis)
        variables[name] = xr.Variable(variable.dims, values, variable.attrs)
    said = (str(each.attrs.get("coordinates", "")) for each in first.indexed.index.variables.values())
    named = {word for words in said for word in words.split()}
    return xr.Dataset(variables, attrs=dict(first.indexed.index.attrs)).set_coords(
        [name for name in named if name in variables]
    )
