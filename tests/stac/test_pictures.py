from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from simstac.stac.drawers import Drawers, DrawingError
from simstac.stac.pictures import PictureError, draw_picture, with_picture
from simstac.stac.placement import place_store
from simstac.stac.study import describe_study

from .cases import CASES, EARTH, building, grid


def pixels(content: bytes) -> np.ndarray:
    return imread(io.BytesIO(content), format="png")


def test_a_study_gets_a_chart_beside_its_collection(study, stored, metadata):
    tree = study(8)
    picture = draw_picture(tree, metadata(), EARTH)
    assert (picture.key, picture.asset["roles"]) == ("chart", ["graphic"])
    assert pixels(picture.content).shape == (432, 768, 4)
    assert draw_picture(tree, metadata(), EARTH).content == picture.content
    documents = with_picture(describe_study(tree, stored(), metadata(), place_store("office")), picture)
    assert documents.files == {"chart.png": picture.content}
    asset = documents.collection["assets"]["chart"]
    assert (asset["href"], asset["file:size"]) == ("./chart.png", len(picture.content))


BUILDING = CASES["building"][1]


def test_a_map_goes_over_its_box(metadata):
    """East is right and north is up, from the process that draws."""
    dataset = grid(np.arange(0.5, 10), np.arange(0.5, 10))
    values = np.add.outer(np.arange(10.0) * 10, np.arange(10.0))
    dataset["tas"] = dataset["tas"].copy(data=np.broadcast_to(values, dataset["tas"].shape))
    picture = draw_picture(dataset, metadata(), (0, 0, 20, 10))
    assert (picture.key, picture.asset["roles"]) == ("thumbnail", ["thumbnail", "overview"])
    assert picture.asset["proj:bbox"] == [0, 0, 20, 10]
    image = pixels(picture.content)
    assert list(image.shape[:2]) == picture.asset["proj:shape"] == [180, 360]
    assert (image[:, :180, 3] == 1).all()
    assert (image[:, 181:, 3] == 0).all()
    assert image[0, 179, 0] > image[-1, 0, 0]
    assert draw_picture(dataset, metadata(), (0, 0, 20, 10)).content == picture.content


def test_a_map_across_the_antimeridian_says_its_whole_width(metadata):
    dataset, box, _ = CASES["antimeridian"]
    assert draw_picture(dataset, metadata(), box).asset["proj:bbox"] == [169.5, -20.5, 190.5, -9.5]


def test_a_series_gets_a_chart(metadata):
    picture = draw_picture(building(), metadata(), BUILDING)
    assert (picture.key, picture.asset["roles"]) == ("chart", ["graphic"])
    assert pixels(picture.content).shape == (432, 768, 4)


def test_stations_get_a_line_each(metadata):
    assert draw_picture(CASES["stations"][0], metadata(), CASES["stations"][1]).key == "chart"


def test_what_cannot_be_drawn_says_so(metadata):
    with pytest.raises(PictureError, match="neither a grid nor a series to draw; the build goes on without a picture"):
        draw_picture(grid().drop_vars("tas"), metadata(), (-0.5, -0.5, 1.5, 1.5))


@pytest.fixture
def fresh(monkeypatch):
    """No process that draws is there yet."""
    with closing(Drawers()) as drawers:
        monkeypatch.setattr("simstac.stac.pictures.DRAWERS", drawers)
        yield drawers


def test_drawing_that_fails_says_why(metadata, fresh, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(PictureError, match="exit status 1"):
        draw_picture(building(), metadata(), BUILDING)


class Expression:
    """What the process that reads it evaluates."""

    def __init__(self, code):
        self.code = code

    def __reduce__(self):
        return eval, (self.code,)


SAYS_WHERE = """(_ for _ in ()).throw(__import__("simstac.errors").errors.MetadataError(
    f"{__import__('os').getpid()} {__import__('os').environ['OF_THE_MOMENT']}", __import__('os').getcwd()))"""


def ask(drawers, code):
    request = ("dataset", dict(os.environ), Path.cwd(), pickle.dumps(Expression(code)))
    return drawers.ask(pickle.dumps(request), 60.0)


ENDINGS = {
    "__import__('os')._exit(7)": "exit status 7",
    "__import__('os').kill(__import__('os').getpid(), 9)": "exit status -9",
    "print('hello', flush=True) or __import__('os').write(1, b'hello') / 0": "ZeroDivisionError: division by zero",
}


def test_whatever_ends_a_process_another_draws_the_next_picture(metadata, fresh):
    with pytest.raises(PictureError, match=r"not drawn in 0\.001 s"):
        draw_picture(building(), metadata(), BUILDING, seconds=0.001)
    for code, said in ENDINGS.items():
        with pytest.raises(DrawingError, match=said):
            ask(fresh, code)
    assert draw_picture(building(), metadata(), BUILDING).key == "chart"


def test_one_process_draws_again_in_the_environment_and_the_folder_of_the_moment(fresh, monkeypatch, tmp_path):
    processes = set()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setenv("OF_THE_MOMENT", name)
        process, _, said = ask(fresh, SAYS_WHERE).decode().removeprefix("-").partition(" ")
        assert said == f"{name}: {tmp_path / name}"
        processes.add(process)
    assert len(processes) == 1


def test_a_process_that_ended_while_it_waited_is_no_loss(fresh, monkeypatch):
    monkeypatch.setenv("OF_THE_MOMENT", "")
    process = int(ask(fresh, SAYS_WHERE)[1:].split()[0])
    os.kill(process, 9)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    assert int(ask(fresh, SAYS_WHERE)[1:].split()[0]) != process


def test_a_process_that_has_nothing_to_draw_for_a_while_ends(monkeypatch):
    monkeypatch.setenv("OF_THE_MOMENT", "")
    ends(int(ask(Drawers(idle_seconds=0.05), SAYS_WHERE)[1:].split()[0]))


def ends(process):
    deadline = time.monotonic() + 30
    while is_there(process):
        assert time.monotonic() < deadline
        time.sleep(0.02)


ASKS_FOR_EVER = """
import os, pickle, sys, threading, time
from pathlib import Path
from simstac.stac.drawers import Drawers

NOTE = f"__import__('pathlib').Path({sys.argv[1]!r}).write_text(str(__import__('os').getpid()))"

class Sleep:
    def __reduce__(self):
        return eval, (f"{NOTE}, __import__('time').sleep(600)",)

given = ("dataset", dict(os.environ), Path.cwd(), pickle.dumps(Sleep()))
threading.Thread(target=Drawers().ask, args=(pickle.dumps(given), 600.0), daemon=True).start()
while not Path(sys.argv[1]).exists() or not Path(sys.argv[1]).read_text():
    time.sleep(0.02)
os.kill(os.getpid(), 9)
"""


def test_a_process_that_draws_ends_with_the_one_that_asked(tmp_path):
    noted = tmp_path / "process"
    subprocess.run([sys.executable, "-c", ASKS_FOR_EVER, str(noted)], check=False, timeout=60)
    ends(int(noted.read_text()))


def test_no_module_of_the_current_folder_is_run(fresh, monkeypatch, tmp_path):
    (tmp_path / "copy.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OF_THE_MOMENT", "")
    assert ask(fresh, SAYS_WHERE).endswith(str(tmp_path).encode())


def is_there(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
