"""The raw outputs of runs in the site: found, described, shipped, kept, and gone when they are no longer wanted."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import simstac
from simstac.errors import ConfigError, PublishError, SourceError
from simstac.pipeline.site import SiteFolder
from simstac.publishing import GitTarget
from simstac.publishing.site import Kind, headers_of, kind_of
from simstac.stac.files import ShippedFile
from simstac.stac.validate import validate_tree

if TYPE_CHECKING:
    from tests.conftest import SeaweedFS


def want(folder: Path, *patterns: str) -> Path:
    """The configuration with these outputs, where it had none."""
    file = folder / "buildings.yaml"
    file.write_text(file.read_text().replace("params.csv}", f"params.csv, outputs: {json.dumps(patterns)}}}"))
    return file


def unwant(folder: Path) -> Path:
    file = folder / "buildings.yaml"
    head, _, rest = file.read_text().partition(", outputs: ")
    file.write_text(head + rest[rest.index("]") + 1 :])
    return file


def build(file: Path, **options: Any) -> simstac.pipeline.BuildReport:
    report = simstac.build(simstac.load_project(file), **options)
    assert report.errors == ()
    return report


def item(folder: Path, run: str) -> dict[str, Any]:
    return json.loads((folder / f"site/office-study/{run}/{run}.json").read_text())


def shipped(folder: Path) -> list[str]:
    study = folder / "site" / "office-study"
    return sorted(path.relative_to(study).as_posix() for path in study.rglob("outputs/**/*") if path.is_file())


def test_the_files_of_each_run_are_shipped_and_described(study_folder: Path) -> None:
    (study_folder / "runs/i5/reports").mkdir()
    (study_folder / "runs/i5/reports/Größe 1.htm").write_text("<p>a report</p>")
    (study_folder / "runs/i5/i5.idf").write_text("Version,25.2;")
    build(want(study_folder, "eplusout.err", "**/*.htm", "*.idf"))
    assert shipped(study_folder) == [
        "i10/outputs/eplusout.err",
        "i10/outputs/in.idf",
        "i20/outputs/eplusout.err",
        "i20/outputs/in.idf",
        "i5/outputs/eplusout.err",
        "i5/outputs/i5.idf",
        "i5/outputs/in.idf",
        "i5/outputs/reports/Größe 1.htm",
    ]
    document = item(study_folder, "i5")
    source = (study_folder / "runs/i5/eplusout.err").read_bytes()
    assert document["assets"]["eplusout.err"] == {
        "href": "./outputs/eplusout.err",
        "type": "text/plain; charset=utf-8",
        "title": "eplusout.err",
        "roles": ["source"],
        "file:size": len(source),
        "file:checksum": "1220" + hashlib.sha256(source).hexdigest(),
    }
    assert document["assets"]["run.idf"]["href"] == "./outputs/i5.idf"
    assert document["assets"]["reports/Größe 1.htm"]["href"] == "./outputs/reports/Gr%C3%B6%C3%9Fe%201.htm"
    assert (study_folder / "site/office-study/i5/outputs/eplusout.err").read_bytes() == source
    collection = json.loads((study_folder / "site/office-study/collection.json").read_text())
    assert collection["item_assets"]["eplusout.err"]["type"] == "text/plain; charset=utf-8"
    assert validate_tree(study_folder / "site").findings == ()


def test_a_second_build_copies_nothing_and_a_changed_file_changes_its_run_alone(study_folder: Path) -> None:
    file = want(study_folder, "eplusout.err", "notes.txt")
    for run in ("i5", "i10"):
        (study_folder / f"runs/{run}/notes.txt").write_text("one")
    build(file)
    assert build(file).documents == ()
    (study_folder / "runs/i5/notes.txt").write_text("two")
    changed = build(file).documents
    assert [path for path in changed if "/i10/" in path or "/i20/" in path] == []
    assert "office-study/i5/outputs/notes.txt" in changed
    (study_folder / "site/office-study/i5/outputs/notes.txt").write_text("damaged")
    assert build(file).documents == ("office-study/i5/outputs/notes.txt",)


def test_what_is_no_longer_wanted_goes(study_folder: Path) -> None:
    build(want(study_folder, "eplusout.err", "eplusout.end"))
    assert len(shipped(study_folder)) == 6
    unwant(study_folder)
    build(want(study_folder, "eplusout.end"))
    assert shipped(study_folder) == [f"{run}/outputs/eplusout.end" for run in ("i10", "i20", "i5")]
    build(unwant(study_folder))
    assert shipped(study_folder) == []
    assert not (study_folder / "site/office-study/i5/outputs").exists()
    assert list(item(study_folder, "i5")["assets"]) == ["icechunk"]


def test_a_run_that_is_gone_keeps_its_files_until_it_is_dropped(study_folder: Path) -> None:
    file = want(study_folder, "eplusout.err")
    build(file)
    before = item(study_folder, "i5")
    shutil.move(study_folder / "runs/i5", study_folder / "elsewhere")
    table = study_folder / "runs/params.csv"
    table.write_text(table.read_text().replace("i5,5\n", ""))
    build(file)
    assert "i5/outputs/eplusout.err" in shipped(study_folder)
    assert item(study_folder, "i5")["assets"]["eplusout.err"] == before["assets"]["eplusout.err"]
    build(file, drop_vanished=True)
    assert shipped(study_folder) == ["i10/outputs/eplusout.err", "i20/outputs/eplusout.err"]
    assert not (study_folder / "site/office-study/i5").exists()


def test_a_collection_that_goes_takes_its_files_along(study_folder: Path) -> None:
    file = want(study_folder, "eplusout.err")
    build(file)
    file.write_text(file.read_text().replace("id: office-study", "id: other-study"))
    build(file)
    assert not (study_folder / "site/office-study").exists()
    assert (study_folder / "site/other-study/i5/outputs/eplusout.err").is_file()


def test_a_failed_run_ships_its_log(study_folder: Path) -> None:
    (study_folder / "runs/i10/eplusout.end").write_text(
        "EnergyPlus Terminated--Fatal Error Detected. 1 Warning; 1 Severe Errors; Elapsed Time=00hr 00min  0.2sec\n"
    )
    build(want(study_folder, "eplusout.err"))
    document = item(study_folder, "i10")
    assert document["properties"]["sim:status"] == "failed"
    assert document["assets"]["eplusout.err"]["href"] == "./outputs/eplusout.err"


def test_files_that_lead_elsewhere_are_not_shipped(study_folder: Path) -> None:
    secret = study_folder / "secret.txt"
    secret.write_text("mine")
    (study_folder / "runs/i5/secret.txt").symlink_to(secret)
    (study_folder / "runs/i5/a#b.txt").write_text("x")
    (study_folder / "runs/i5/.hidden.txt").write_text("x")
    report = build(want(study_folder, "*.txt"))
    assert [path for path in shipped(study_folder) if path.startswith("i5")] == []
    said = "\n".join(report.collections[0].differences)
    assert "i5: secret.txt leads out of the folder of its run and is not shipped" in said
    assert "i5: 'a#b.txt' holds a character that no address may hold" in said


def test_patterns_that_match_nothing_are_told(study_folder: Path) -> None:
    report = build(want(study_folder, "*.xlsx"))
    assert "outputs: *.xlsx match no file of any run" in report.collections[0].differences


@pytest.mark.parametrize("pattern", ["../secret", "/etc/passwd", "a/../../b", ""])
def test_patterns_stay_inside_the_run(study_folder: Path, pattern: str) -> None:
    with pytest.raises(ConfigError, match="is no file or glob inside the folder of a run"):
        simstac.load_project(want(study_folder, pattern))


def test_runs_that_are_files_have_no_outputs(study_folder: Path) -> None:
    file = want(study_folder, "*.err")
    for run in ("i5", "i10", "i20"):
        for suffix in ("sql", "end", "err", "eio"):
            shutil.copy(study_folder / f"runs/{run}/eplusout.{suffix}", study_folder / f"runs/{run}.{suffix}")
        shutil.rmtree(study_folder / "runs" / run)
    file.write_text(file.read_text().replace('"runs/*"', '"runs/*.sql"'))
    error = simstac.build(simstac.load_project(file)).errors[0]
    assert isinstance(error, SourceError)
    assert "outputs are those in the folder of a run; leave out outputs" in str(error)


def test_publishing_mirrors_them_and_takes_them_away(study_folder: Path) -> None:
    file = want(study_folder, "eplusout.err")
    file.write_text(file.read_text() + "targets: [{type: local, path: ../public}]\n")
    build(file)
    outcomes = simstac.publish(simstac.load_project(file))
    assert [outcome.error for outcome in outcomes] == [None]
    public = study_folder.parent / "public/office-study/i5/outputs/eplusout.err"
    assert public.read_bytes() == (study_folder / "runs/i5/eplusout.err").read_bytes()
    again = simstac.publish(simstac.load_project(file))[0].changes
    assert again is not None
    assert list(again.changes) == []
    build(unwant(study_folder))
    simstac.publish(simstac.load_project(file))
    assert not public.exists()


def test_they_are_published_before_their_items_with_their_media_types() -> None:
    for path, media_type in {
        "c/r/outputs/eplustbl.htm": "text/html; charset=utf-8",
        "c/r/outputs/r.parquet": "application/vnd.apache.parquet",
        "c/r/outputs/outputs.json": "application/json",
        "c/r/outputs/collection.json": "application/json",
        "c/r/outputs/eplusout.sql": "application/vnd.sqlite3",
    }.items():
        kind = kind_of(path)
        assert kind is Kind.OTHER
        assert kind < Kind.ITEM
        assert headers_of(path, kind)[0] == media_type


def test_copying_takes_a_block_of_memory_and_notices_a_change(tmp_path: Path) -> None:
    big = tmp_path / "eplusout.sql"
    with big.open("wb") as file:
        file.truncate(200_000_000)
    with big.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    site = SiteFolder(tmp_path / "site")
    tracemalloc.start()
    assert site.apply([("c/r/outputs/a.sql", ShippedFile(big, 200_000_000, digest))]) == ("c/r/outputs/a.sql",)
    assert site.apply([("c/r/outputs/a.sql", ShippedFile(big, 200_000_000, digest))]) == ()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
    with pytest.raises(PublishError, match="changed while it was copied; wait until its run has ended"):
        site.apply([("c/r/outputs/b.sql", ShippedFile(big, 200_000_000, "0" * 64))])
    assert not (tmp_path / "site/c/r/outputs/b.sql").exists()


def test_git_pages_refuses_a_file_that_is_too_large_and_names_the_remedy(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    with pytest.raises(
        PublishError, match=r"c/r/outputs/a\.sql: is too large for Git Pages .* leave it out of the outputs"
    ):
        GitTarget(tmp_path).check({"c/r/outputs/a.sql": 150_000_000})


def test_those_of_runs_in_a_bucket_are_addressed_there(study_folder: Path, s3: SeaweedFS) -> None:
    bucket = s3.make_bucket()
    for path in (study_folder / "runs").rglob("*"):
        if path.is_file():
            key = path.relative_to(study_folder).as_posix()
            s3.client().put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    file = want(study_folder, "eplusout.e[rn]?")
    text = file.read_text().replace(
        'path: "runs/*"', f'path: "s3://{bucket}/runs/*", endpoint_url: "{s3.endpoint_url}"'
    )
    file.write_text(text.replace("runs/params.csv", f"s3://{bucket}/runs/params.csv", 1))
    build(file)
    document = item(study_folder, "i10")
    asset = document["assets"]["eplusout.err"]
    assert asset["href"] == f"s3://{bucket}/runs/i10/eplusout.err"
    assert asset["file:size"] == (study_folder / "runs/i10/eplusout.err").stat().st_size
    scheme = document["storage:schemes"][asset["storage:refs"][0]]
    assert (scheme["type"], scheme["platform"], scheme["bucket"]) == ("custom-s3", s3.endpoint_url, bucket)
    assert sorted(document["assets"]) == ["eplusout.end", "eplusout.err", "icechunk"]
    assert "storage:refs" not in document["assets"]["icechunk"]
    assert shipped(study_folder) == []
    assert validate_tree(study_folder / "site").findings == ()
    assert build(file).documents == ()

    other_results = (study_folder / "runs/i5/eplusout.sql").read_bytes()
    s3.client().put_object(Bucket=bucket, Key="runs/i10/eplusout.sql", Body=other_results)
    build(file)
    file.write_text(file.read_text().replace(f"s3://{bucket}/runs/*", f"s3://{s3.make_bucket()}-gone/runs/*"))
    (report,) = simstac.pipeline.expire(simstac.load_project(file), keep=1, older_than=timedelta())
    assert isinstance(report.error, SourceError)
    assert item(study_folder, "i10")["assets"]["eplusout.err"] == asset


def test_a_bucket_serves_them_as_what_they_are(study_folder: Path, s3: SeaweedFS) -> None:
    bucket, client = s3.make_bucket(), s3.client()
    file = want(study_folder, "eplusout.err", "eplusout.sql")
    target = f'targets: [{{type: s3, url: "s3://{bucket}/stac", endpoint_url: "{s3.endpoint_url}"}}]\n'
    file.write_text(file.read_text() + target)
    build(file)
    assert simstac.publish(simstac.load_project(file))[0].error is None
    types = {"eplusout.err": "text/plain; charset=utf-8", "eplusout.sql": "application/vnd.sqlite3"}
    for name, media_type in types.items():
        head = client.head_object(Bucket=bucket, Key=f"stac/office-study/i5/outputs/{name}")
        size = (study_folder / "runs/i5" / name).stat().st_size
        assert (head["ContentType"], head["ContentLength"]) == (media_type, size)
    build(unwant(study_folder))
    simstac.publish(simstac.load_project(file))
    assert client.list_objects_v2(Bucket=bucket, Prefix="stac/office-study/i5/outputs/")["KeyCount"] == 0
