"""A study published to several places at once, and opened there by those who know nothing of its maker."""

import json
import os
import subprocess
import sys
from urllib.parse import quote

import pytest
import xarray as xr

import simstac
from simstac.storage import icechunk_store, scheme_from_stac

STRANGER = """
import sys, warnings
sys.modules["simstac"] = None  # as if it were not installed
import pystac, xarray as xr
warnings.filterwarnings("ignore", message="Engine .* loading failed")
study = xr.open_dataset(pystac.read_file(sys.argv[1]).assets["icechunk"], engine="stac")
temperature = study["zone_mean_air_temperature"]
print(*study["run"].values, *temperature.shape, bool(temperature.isnull().any()))
"""


def configured(folder, *targets, catalog=""):
    path = folder / "buildings.yaml"
    text = path.read_text().replace("collections:\n", f"{catalog}collections:\n", 1)
    path.write_text(text + "targets:\n" + "".join(f"  - {target}\n" for target in targets))
    return simstac.load_project(path)


def test_a_bucket_of_amazon_is_where_the_environment_says_and_the_released_xpystac_opens_it(
    study_folder, s3, monkeypatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    bucket = s3.make_bucket()
    project = configured(study_folder, f'{{type: s3, url: "s3://{bucket}/stac", region: us-east-1}}')
    report = simstac.run(project)
    assert report.ok
    collection = study_folder / "site" / "office-study" / "collection.json"
    command = [sys.executable, "-c", STRANGER, str(collection)]
    environment = dict(os.environ) | {"AWS_ALLOW_HTTP": "true"}
    seen = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert seen.returncode == 0, seen.stderr
    assert seen.stdout.split() == ["i5", "i10", "i20", "3", "1", "48", "False"]
    assert not any(outcome.changes for outcome in simstac.publish(project, dry_run=True))


def test_a_bucket_that_everybody_may_read_is_opened_without_keys(study_folder, s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    bucket = s3.make_bucket(public=True)
    target = f'{{type: s3, url: "s3://{bucket}/stac", region: us-east-1, anonymous: true}}'
    project = configured(study_folder, target, catalog=f"  public_url: {s3.endpoint_url}/{bucket}/stac\n")
    assert simstac.run(project).ok
    command = [sys.executable, "-c", STRANGER, f"{s3.endpoint_url}/{bucket}/stac/office-study/collection.json"]
    without = {name: value for name, value in os.environ.items() if name not in s3.env}
    seen = subprocess.run(
        command, env=without | {"AWS_ALLOW_HTTP": "true"}, capture_output=True, text=True, check=False
    )
    assert seen.returncode == 0, seen.stderr
    assert seen.stdout.split() == ["i5", "i10", "i20", "3", "1", "48", "False"]


@pytest.mark.requires("git")
def test_a_public_bucket_a_clone_and_a_folder_hold_the_same_and_verify(study_folder, s3):
    bucket, address = s3.make_bucket(public=True), s3.endpoint_url
    bare, clone = study_folder / "bare.git", study_folder / "pages"
    as_somebody = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (
        ["init", "-q", "--bare", "-b", "main", str(bare)],
        ["clone", "-q", str(bare), str(clone)],
        ["-C", str(clone), *as_somebody, "commit", "-q", "--allow-empty", "-m", "first"],
        ["-C", str(clone), "push", "-q", "origin", "HEAD"],
        ["-C", str(clone), "config", "user.name", "a"],
        ["-C", str(clone), "config", "user.email", "a@b.c"],
    ):
        subprocess.run(["git", *command], check=True, capture_output=True)
    project = configured(
        study_folder,
        f'{{type: s3, url: "s3://{bucket}/stac", endpoint_url: "{address}"}}',
        "{type: git, clone: pages, prefix: docs/stac, push: true}",
        '{type: local, path: "www of ours"}',
        catalog=f"  public_url: {address}/{bucket}/stac\n",
    )
    first = simstac.run(project)
    assert first.ok
    assert [verified.ok for verified in first.verified] == [True, True]
    listing = ["git", "-C", str(bare), "ls-tree", "-r", "--name-only", "main"]
    pushed = subprocess.run(listing, capture_output=True, check=True)
    assert b"docs/stac/office-study/i10/i10.json" in pushed.stdout
    for place in (f"{address}/{bucket}/stac/catalog.json", clone / "docs" / "stac", study_folder / "www of ours"):
        with simstac.open(place) as study:
            assert study["zone_mean_air_temperature"].notnull().all()
    again = simstac.run(project)
    assert again.ok
    assert not any(outcome.changes for outcome in again.outcomes)


def test_prefixes_with_spaces_percent_signs_umlauts_and_emoji(study_folder, s3):
    """Keys are taken as they are; hrefs name a bucket only where they can hold its prefix."""
    bucket, address = s3.make_bucket(public=True), s3.endpoint_url
    letters, odd = "Größe-😀", "Büro 50%/100%25 größer 😀"
    rule = {"AllowedMethods": ["GET", "HEAD"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}
    s3.client().put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    public_url = f"{address}/{bucket}/{quote(odd)}"
    project = configured(
        study_folder,
        *(f'{{type: s3, url: "s3://{bucket}/{prefix}", endpoint_url: "{address}"}}' for prefix in (letters, odd)),
        catalog=f"  public_url: {public_url}\n",
    )
    first = simstac.run(project)
    assert first.ok, [report.findings for report in first.verified]
    assert list(first.verified[1].opened) == [f"{public_url}/data/office-study.icechunk"]
    assert first.verified[1].opened[f"{public_url}/data/office-study.icechunk"].endswith(", equal to the site's")
    collection = s3.client().get_object(Bucket=bucket, Key=f"{odd}/office-study/collection.json")["Body"].read()
    asset = json.loads(collection)["assets"]["icechunk"]
    store = f"s3://{bucket}/{letters}/data/office-study.icechunk"
    assert [each["href"] for each in asset["alternate"].values()] == [store]
    (scheme,) = json.loads(collection)["storage:schemes"].values()
    with xr.open_zarr(icechunk_store(store, scheme_from_stac(scheme)), consolidated=False) as study:
        assert study["zone_mean_air_temperature"].notnull().all()
    with simstac.open(f"{address}/{bucket}/{odd.replace('%', '%25')}/catalog.json") as study:
        assert study["zone_mean_air_temperature"].notnull().all()
    assert not any(outcome.changes for outcome in simstac.publish(project))
    said = {check.name: check for check in simstac.pipeline.doctor(project)[1].checks}
    assert said["anonymous read"].ok, str(said["anonymous read"])
    assert said["address"].ok
    assert "holds ' '" in said["address"].detail
