from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simstac.errors import SourceError
from simstac.sources.energyplus.records import Declared, Records, read_records

HEADER = """Program Version,EnergyPlus, Version 25.2.0-cf7368216c, YMD=2025.01.01 00:00
1,5,Environment Title[],Latitude[deg],Longitude[deg],Time Zone[],Elevation[m]
2,8,Day of Simulation[],Month[],Day of Month[],DST Indicator[1=yes 0=no],Hour[],StartMinute[],EndMinute[],DayType
3,5,Cumulative Day of Simulation[],Month[],Day of Month[],DST Indicator[1=yes 0=no],DayType  ! When Daily
"""
NUMBERS = (7, 8, 93, 405, 1044, 31415, 271828, 9999999)
STAMP = "2,1, 1,21, 0, 1, 0.00,60.00,Monday"
END = "End of Data\n Number of Records Written=  12\n"


def write(path: Path, *lines: str, dictionary: str = "", end: str = END, newline: str = "\n") -> Path:
    declared = dictionary or "".join(f"{number},1,KEY,Name [C] !Hourly\n" for number in NUMBERS)
    text = f"{HEADER}{declared}End of Data Dictionary\n" + "".join(f"{line}\n" for line in lines) + end
    path.write_text(text.replace("\n", newline), encoding="utf-8", newline="")
    return path


def rows(records: Records) -> list[tuple[int, int, float]]:
    return [row for block in records.blocks for row in zip(*(column.tolist() for column in block), strict=True)]


values = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(
    [
        "0.0",
        "-0.0",
        "20.0",
        "1E-05",
        "1.5e+20",
        "5e-324",
        "-18.8",
        "12345678901234567890",
        "0.1",
        "1.7976931348623157e308",
    ]
)
lines = st.one_of(
    st.just(STAMP),
    st.just("3,22, 1,31, 0,Tuesday"),
    st.tuples(st.sampled_from(NUMBERS), values).map(lambda row: f"{row[0]},{row[1]}"),
    st.tuples(st.sampled_from(NUMBERS), values).map(
        lambda row: f"{row[0]},{row[1]},19.99, 4, 7,40,22.675913120693295, 7,15,30"
    ),
)


@settings(max_examples=200, deadline=None)
@given(content=st.lists(lines), newline=st.sampled_from(["\n", "\r\n"]), block_bytes=st.sampled_from([7, 100, 1 << 19]))
def test_values_are_those_that_python_reads(content: list[str], newline: str, block_bytes: int) -> None:
    content = [STAMP, *content]
    expected, stamp = [], -1
    for line in content:
        number, value, *_ = line.split(",")
        if number in {"2", "3"}:
            stamp += 1
        else:
            expected.append((stamp, int(number), float(value)))
    with TemporaryDirectory() as folder:
        records = read_records(write(Path(folder, "eplusout.eso"), *content, newline=newline), block_bytes=block_bytes)
    assert rows(records) == expected
    assert [line.decode() for line in records.stamps] == [
        line for line in content if line[0] in "23" and line[1] == ","
    ]
    assert records.complete


def test_values_that_are_no_json(tmp_path: Path) -> None:
    records = read_records(write(tmp_path / "eplusout.eso", STAMP, "7,1.5", "8,nan", "93,-inf", "405,+2.", "1044,.5"))
    found = [value for _, _, value in rows(records)]
    np.testing.assert_array_equal(found, [1.5, np.nan, -np.inf, 2.0, 0.5])


MINMAX = "[Value,Min,Day,Hour,Minute,Max,Day,Hour,Minute]"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("7,1,Environment,Site Drybulb [C] !Hourly", ("Environment,Site Drybulb", "C", "Hourly", None)),
        ("7,1,A,B [] !Each Call", ("A,B", "", "Each Call", None)),
        ("7,1,LAB [1]: X, Y,Zone [J] !TimeStep,WORK, DAYS", ("LAB [1]: X, Y,Zone", "J", "TimeStep", "WORK, DAYS")),
        (f"7,7,Electricity:Facility [J] !Daily {MINMAX}", ("Electricity:Facility", "J", "Daily", None)),
        (f"7,9,BüRO,Zone [W] !Monthly {MINMAX},OCCUPIED", ("BüRO,Zone", "W", "Monthly", "OCCUPIED")),
        ("7,1,Cumulative Gas:Facility [J] !Monthly ", ("Cumulative Gas:Facility", "J", "Monthly", None)),
        (f"7,11,A] !Hourly,B [m3/s] !RunPeriod {MINMAX}", ("A] !Hourly,B", "m3/s", "RunPeriod", None)),
    ],
)
def test_the_dictionary(tmp_path: Path, line: str, expected: tuple) -> None:
    records = read_records(write(tmp_path / "eplusout.eso", dictionary=f"{line}\n"))
    assert records.declared == (Declared(7, *expected),)


@pytest.mark.parametrize("cut", ["", "8,20.", "2,1, 1,21, 0, 2, 0.0"])
def test_a_killed_run_is_read_up_to_its_last_whole_line(tmp_path: Path, cut: str) -> None:
    records = read_records(write(tmp_path / "eplusout.eso", STAMP, "7,1.5", end=cut))
    assert rows(records) == [(0, 7, 1.5)]
    assert len(records.stamps) == 1
    assert not records.complete


def test_what_follows_the_end_mark_is_not_read(tmp_path: Path) -> None:
    records = read_records(write(tmp_path / "eplusout.eso", STAMP, "7,1.5", end=f"{END}7,9.9\n"), block_bytes=5)
    assert rows(records) == [(0, 7, 1.5)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("x7,1.5", "does not begin with a number"),
        (",1.5", "does not begin with a number"),
        ("123456789,1.5", "does not begin with a number"),
        ("7,warm", "no number"),
        ("7,", "no number"),
        ("94,1.5", "unknown series"),
        ("88888888,1.5", "unknown series"),
        ("garbage", "no record"),
    ],
)
def test_damaged_lines_are_errors(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(SourceError, match=problem):
        read_records(write(tmp_path / "eplusout.eso", STAMP, "7,1.5", line, "8,2.5"))


def test_values_before_any_time_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="unknown series or time"):
        read_records(write(tmp_path / "eplusout.eso", "7,1.5"))


def test_a_file_that_ends_in_its_dictionary_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "eplusout.eso").write_text(HEADER)
    with pytest.raises(SourceError, match="ends within its dictionary"):
        read_records(tmp_path / "eplusout.eso")


def test_an_unknown_declaration_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="unknown way"):
        read_records(write(tmp_path / "eplusout.eso", dictionary="7,1,Key,Name [C] !Fortnightly\n"))
