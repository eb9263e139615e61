"""What is easily lost between Iris and a store: masks, text, meshes, projections; and which cubes share a group."""

import cftime
import icechunk
import iris.coord_systems
import numpy as np
import pytest
import xarray as xr
from iris.aux_factory import HybridHeightFactory
from iris.coords import AncillaryVariable, AuxCoord, CellMeasure, CellMethod, DimCoord
from iris.cube import Cube, CubeList
from iris.fileformats.pp import STASH
from iris.mesh import Connectivity, MeshXY
from tests.sources.iris.cases import assert_same_cubes

from simstac.errors import SourceError
from simstac.sources.iris import cubes, datasets
from simstac.sources.iris.missing import contents, filler
from simstac.storage import LocalPath
from simstac.write import open_stored, write

TIMES = DimCoord([0, 1, 2], "time", units="hours since 2000-02-29", var_name="time")


def cube_of(values, name="air_temperature", units="K", coords=(TIMES,)):
    dims = [(coord, index) for index, coord in enumerate(coords)]
    return Cube(values, name, var_name=name, units=units, dim_coords_and_dims=dims)


def through_store(given, folder, lazy=False):
    if lazy:
        given = CubeList(cube.copy(cube.lazy_data().rechunk(2)) for cube in given)
    tree = xr.DataTree.from_dict(datasets(given))
    stored = write(tree, str(folder / "x.icechunk"), LocalPath(), fingerprint="1")
    return open_stored(stored)


def undecoded(folder):
    """The store as it is, which NaN and masked values stay apart in."""
    storage = icechunk.local_filesystem_storage(str(folder / "x.icechunk"))
    session = icechunk.Repository.open(storage).readonly_session("main")
    return xr.open_datatree(session.store, engine="zarr", consolidated=False, decode_cf=False)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("dtype", ["f4", ">f4", "f8", "i1", "u1", ">i2", "i4", "i8", "u8"])
def test_masks_of_all_numbers_survive_with_their_type(dtype, lazy, tmp_path):
    values = np.ma.MaskedArray([1, 2, 3], mask=[False, True, False], dtype=dtype)
    given = [cube_of(values)]
    tree = through_store(given, tmp_path, lazy)
    for (back,) in (cubes(tree), cubes(undecoded(tmp_path))):
        assert back.dtype == np.dtype(dtype).newbyteorder("=")
        assert back.data.mask.tolist() == [False, True, False]
        assert back.data.compressed().tolist() == [1, 3]
    assert np.isnan(tree["air_temperature"].values).tolist() == [False, True, False]


@pytest.mark.parametrize("lazy", [False, True])
def test_nan_and_masked_values_stay_apart(lazy, tmp_path):
    values = np.ma.MaskedArray([np.nan, 2, 9.96921e36], mask=[False, True, False], dtype="f8")
    through_store([cube_of(values)], tmp_path, lazy)
    (back,) = cubes(undecoded(tmp_path))
    assert back.data.mask.tolist() == [False, True, False]
    assert np.isnan(back.data[0])
    assert back.data[2] == 9.96921e36


def test_nan_alone_is_not_masked_afterwards(tmp_path):
    (back,) = cubes(through_store([cube_of(np.array([np.nan, 1, 2]))], tmp_path))
    assert not np.ma.is_masked(back.data)
    assert np.isnan(back.data[0])


def test_all_masked_values_and_both_ends_of_the_integers(tmp_path):
    ends = np.iinfo(np.int16)
    used = np.ma.MaskedArray([ends.min, 0, 5], mask=[False, True, False], dtype="i2")
    nothing = np.ma.masked_all(3, "f4")
    given = [cube_of(used, "air_temperature"), cube_of(nothing, "air_pressure", "Pa")]
    backs = {cube.name(): cube for cube in cubes(through_store(given, tmp_path))}
    assert_same_cubes([backs["air_temperature"]], given[:1])
    assert (backs["air_pressure"].dtype, backs["air_pressure"].data.mask.all()) == (np.float32, True)
    assert undecoded(tmp_path)["air_temperature"].attrs["_FillValue"] == ends.max
    full = np.ma.MaskedArray(np.arange(256), mask=np.arange(256) == 7, dtype="u1")
    axis = DimCoord(np.arange(256), long_name="x", var_name="x")
    with pytest.raises(SourceError, match="widen the type"):
        datasets([cube_of(full, coords=(axis,))])


def test_fill_value_is_none_of_the_values():
    (held,) = contents([np.ma.MaskedArray([-128, 3], mask=[False, True], dtype="i1")])
    assert (held.missing, held.total, held.lowest) == (1, -128.0, -128)
    assert filler(np.dtype("i1"), held) == 127
    assert np.isnan(filler(np.dtype("f4")))


def test_text_of_any_alphabet_survives(tmp_path):
    cube = cube_of(np.arange(3.0))
    cube.add_aux_coord(AuxCoord(np.array(["Zürich", "東京", ""]), long_name="station", var_name="station"), 0)
    cube.add_aux_coord(AuxCoord(np.array(["Ωμέγα"]), long_name="run", var_name="run"))
    cube.attributes.locals["note"] = "Größe: 10 µm"
    tree = through_store([cube], tmp_path)
    (back,) = cubes(tree)
    assert back.coord("station").points.tolist() == ["Zürich", "東京", ""]
    assert back.coord("run").points.tolist() == ["Ωμέγα"]
    assert back.attributes["note"] == "Größe: 10 µm"
    assert tree["station"].values.tolist() == ["Zürich", "東京", ""]


@pytest.mark.parametrize("calendar", ["standard", "360_day", "365_day", "366_day", "julian"])
def test_calendars_survive_with_bounds(calendar, tmp_path):
    time = DimCoord([29, 59, 89], "time", var_name="time", units="days since 2001-01-01")
    time.units = type(time.units)("days since 2001-01-01", calendar=calendar)
    time.guess_bounds()
    given = [cube_of(np.arange(3.0), coords=(time,))]
    tree = through_store(given, tmp_path)
    assert_same_cubes(cubes(tree), given)
    if calendar == "360_day":
        assert tree["time"].values[1] == cftime.Datetime360Day(2001, 2, 30)
    if calendar == "standard":
        assert tree["time"].values[0] == np.datetime64("2001-01-30")


def hybrid_cube():
    level = DimCoord([1, 2], "model_level_number", var_name="level", units="1", attributes={"positive": "up"})
    x = DimCoord(
        [0.0, 1.0, 2.0], "grid_longitude", var_name="x", units="degrees", bounds=[[-0.5, 0.5], [0.5, 1.5], [1.5, 2.5]]
    )
    x.coord_system = iris.coord_systems.RotatedGeogCS(37.5, 177.5, ellipsoid=iris.coord_systems.GeogCS(6371229.0))
    cube = cube_of(np.arange(6, dtype="f4").reshape(2, 3), coords=(level, x))
    heights = AuxCoord(
        [10.0, 20.0], long_name="level_height", var_name="level_height", units="m", bounds=[[5, 15], [15, 25]]
    )
    sigma = AuxCoord([0.9, 0.8], long_name="sigma", var_name="sigma", units="1", bounds=[[1, 0.85], [0.85, 0.75]])
    ground = AuxCoord(
        [1.0, 2.0, 3.0], "surface_altitude", var_name="ground", units="m", attributes={"STASH": STASH(1, 0, 33)}
    )
    cube.add_aux_coord(heights, 0)
    cube.add_aux_coord(sigma, 0)
    cube.add_aux_coord(ground, 1)
    cube.add_aux_factory(HybridHeightFactory(heights, sigma, ground))
    cube.attributes["STASH"] = STASH(1, 0, 4)
    cube.add_cell_method(CellMethod("mean", "time", "1 hour", "of samples"))
    cube.add_cell_measure(CellMeasure(np.ones(3), measure="area", var_name="area", units="m2"), 1)
    cube.add_ancillary_variable(AncillaryVariable(np.array([1, 2, 3], "i2"), long_name="flag", var_name="flag"), 1)
    return cube


def test_heights_projection_stash_and_cell_methods_survive(tmp_path):
    (back,) = cubes(through_store([hybrid_cube()], tmp_path))
    assert_same_cubes([back], [hybrid_cube()])
    assert back.coord("altitude") == hybrid_cube().coord("altitude")
    assert back.attributes["STASH"] == STASH(1, 0, 4)
    assert back.coord("surface_altitude").attributes["STASH"] == STASH(1, 0, 33)
    assert back.cell_methods == (CellMethod("mean", "time", "1 hour", "of samples"),)


def test_polar_stereographic_has_the_names_of_cf():
    system = iris.coord_systems.PolarStereographic(90.0, -45.0, true_scale_lat=70.0)
    x, y = (
        DimCoord([0.0, 1.0], f"projection_{axis}_coordinate", var_name=axis, units="m", coord_system=system)
        for axis in "xy"
    )
    groups = datasets([cube_of(np.zeros((2, 2)), coords=(y, x))])
    attrs = groups["/"]["polar_stereographic"].attrs
    assert attrs["standard_parallel"] == 70.0
    assert "true_scale_lat" not in attrs


def mesh_cube():
    nodes = [
        AuxCoord([0.0, 1.0, 1.0, 0.0, 2.0], f"{axis}itude", var_name=axis, units="degrees") for axis in ("long", "lat")
    ]
    indices = np.ma.MaskedArray(
        [[0, 1, 2, 3], [1, 4, 2, -1]], mask=[[False] * 4, [False, False, False, True]], dtype="i4"
    )
    faces = Connectivity(indices, "face_node_connectivity", var_name="faces", start_index=0)
    middles = [
        AuxCoord([0.5, 1.3], f"{axis}itude", var_name=f"face_{axis}", units="degrees") for axis in ("long", "lat")
    ]
    mesh = MeshXY(
        2, [(nodes[0], "x"), (nodes[1], "y")], [faces], face_coords_and_axes=[(middles[0], "x"), (middles[1], "y")]
    )
    mesh.var_name = "mesh"
    cube = Cube(np.array([1.0, 2.0]), "air_temperature", var_name="t", units="K")
    for coord in mesh.to_MeshCoords("face"):
        cube.add_aux_coord(coord, 0)
    return cube


def test_mesh_of_triangles_and_squares_is_rebuilt(tmp_path):
    tree = through_store([mesh_cube()], tmp_path)
    (back,) = cubes(tree)
    assert back.mesh == mesh_cube().mesh
    assert back.location == "face"
    assert back.mesh.face_node_connectivity.indices.dtype == np.int32
    assert back.mesh.face_node_connectivity.indices.mask.sum() == 1
    assert tree["faces"].encoding["dtype"] == np.int32


def test_cubes_on_the_same_axes_share_a_group_and_others_have_their_own():
    hours = DimCoord([0, 1, 2, 3], "time", units="hours since 2000-02-29", var_name="time")
    given = [
        cube_of(np.zeros(3)),
        cube_of(np.zeros(3), "air_pressure", "Pa"),
        cube_of(np.zeros(4), "air_temperature", coords=(hours,)),
        cube_of(np.ones(3), "air_temperature"),
    ]
    groups = datasets(given)
    assert {name: sorted(group.data_vars) for name, group in groups.items()} == {
        "/": [],
        "/air_temperature": ["air_temperature"],
        "/time": ["air_pressure", "air_temperature"],
        "/air_temperature-2": ["air_temperature"],
    }
    assert not any("_0" in str(name) for group in groups.values() for name in group.variables)
    assert_same_cubes(cubes(xr.DataTree.from_dict(groups)), given)


def test_attributes_that_all_share_are_global_and_others_their_own():
    one, other = cube_of(np.zeros(3)), cube_of(np.zeros(3), "air_pressure", "Pa")
    one.attributes.globals.update({"source": "model", "history": "a"})
    other.attributes.globals.update({"source": "model", "history": "b"})
    dataset = datasets([one, other])["/"]
    assert dataset.attrs == {"Conventions": "CF-1.7", "source": "model"}
    assert dataset["air_pressure"].attrs["history"] == "b"


def test_what_cf_cannot_say_is_refused():
    with pytest.raises(SourceError, match="are none"):
        datasets([])
    with pytest.raises(SourceError, match="without data"):
        datasets([Cube(shape=(3,), long_name="nothing")])
    with pytest.raises(SourceError, match="cannot be encoded by CF"):
        datasets([cube_of(np.array([1j, 2, 3]))])


def test_lazy_data_stay_lazy_on_both_ways():
    cube = cube_of(np.ma.MaskedArray(np.arange(3000.0).reshape(3, 1000)), coords=(TIMES,))
    cube.data = cube.lazy_data()
    assert cube.has_lazy_data()
    groups = datasets([cube], exact=False)
    assert groups["/"]["air_temperature"].chunks is not None
    (back,) = cubes(xr.decode_cf(groups["/"]))
    assert back.has_lazy_data()
    assert cube.has_lazy_data()
