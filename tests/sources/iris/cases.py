"""The files of Iris's and ESMValTool's sample data, and cubes as equal as the documentation promises."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import esmvaltool_sample_data
import iris_sample_data
import numpy as np

SAMPLES = Path(iris_sample_data.path)
CMIP6 = Path(esmvaltool_sample_data.__file__).parent / "data" / "timeseries"


def sample_sets():
    """Every file of iris-sample-data; those of a folder in one, as they are of one model."""
    files = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
    return [(path,) for path in files if path.parent == SAMPLES] + sets_of([f for f in files if f.parent != SAMPLES])


def cmip6_sets():
    """The CMIP6 files of esmvaltool-sample-data, those of one dataset in one; of 65 that differ by the year, eight."""
    return [files[:4] + files[-4:] if len(files) > 8 else files for files in sets_of(sorted(CMIP6.rglob("*.nc")))]


def sets_of(files):
    return [tuple(group) for _, group in groupby(files, key=lambda path: path.parent)]


def set_id(paths):
    return paths[0].name if len(paths) == 1 else f"{len(paths)}-files-{paths[0].name}"


def normalised(cube):
    """A cube without what docs/how-to/publish-from-iris.md says does not come back."""
    cube = cube.copy()
    for element in [cube, *cube.coords(mesh_coords=False), *cube.cell_measures(), *cube.ancillary_variables()]:
        element.var_name = None
    for factory in cube.aux_factories:
        for coord in factory.dependencies.values():
            if coord is not None and coord.name() in {"level_height", "atmosphere_hybrid_height_coordinate"}:
                coord.standard_name = "atmosphere_hybrid_height_coordinate"
    cube.attributes.globals.pop("Conventions", None)
    for attributes in (cube.attributes.globals, cube.attributes.locals, *(coord.attributes for coord in cube.coords())):
        attributes.update({name: plain(value) for name, value in attributes.items()})
    return cube


def plain(value):
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def assert_same_cubes(ours, theirs):
    """Each cube has one equal to it, of the same type and with the same mask, and none is left over."""
    left = [normalised(cube) for cube in ours]
    for wanted in map(normalised, theirs):
        match = next((cube for cube in left if cube == wanted and cube.dtype == wanted.dtype), None)
        assert match is not None, f"no equal of {wanted.summary()}\namong {[cube.summary() for cube in left]}"
        left.remove(match)
    assert left == []
