"""A whole catalog is sound; each thing that can be wrong in it is found, where it is, by the rule that says so."""

from __future__ import annotations

import ast
import copy
import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simstac.catalog import upsert_collection
from simstac.errors import StorageError
from simstac.stac import validate
from simstac.stac.document import SCHEMAS, canonical_json
from simstac.stac.metadata import CatalogMetadata
from simstac.stac.placement import Route, place_store
from simstac.stac.releases import Release
from simstac.stac.study import describe_study
from simstac.stac.validate import Finding, validate_documents, validate_tree
from simstac.storage import AwsS3

CATALOG = CatalogMetadata(id="lab", title="Lab", public_url="https://x.org/stac")
RUN = "office/run-0000/run-0000.json"
OLD = "office/office-1.0.0/office-1.0.0.json"
COLLECTION = "office/collection.json"


@pytest.fixture
def site(study, stored, metadata) -> dict[str, Any]:
    target = Route("s3://bucket/stac", AwsS3(bucket="bucket", region="us-east-1"))
    placement = place_store("office", public_url="https://x.org/stac", targets=[target])
    releases = [Release(stored("1.0.0"), study(3))]
    described = describe_study(
        study(3), stored("1.1.0"), metadata(doi="10.5281/zenodo.1"), placement, releases=releases
    )
    return {path: json.loads(data) for path, data in upsert_collection(lambda _: None, CATALOG, described)}  # type: ignore[arg-type]


def check(site: dict[str, Any], **options: Any) -> list[Finding]:
    root_first = sorted(site.items(), key=lambda entry: entry[0] != "catalog.json")
    return list(validate_documents(root_first, **options).findings)


def test_what_we_write_is_sound(site):
    assert check(site) == []
    assert validate_documents(site.items()).documents == 6


def set_at(*keys: str | int, value: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        if value is ...:
            del document[keys[-1]]
        else:
            document[keys[-1]] = value

    return change


def without_a_place(document: Any) -> None:
    """As STAC allows, and readers of tables do not."""
    document["geometry"] = None
    del document["bbox"]


CUBE = ("properties", "cube:dimensions")
VARIABLES = ("properties", "cube:variables")
ASSET = ("assets", "icechunk")
BROKEN: list[tuple[str, Callable[[Any], None], str, str]] = [
    (RUN, set_at("properties", "datetime", value=...), "https://schemas.stacspec.org/", "/properties"),
    (RUN, set_at("stac_version", value="1.0.0"), "unknown-schema", "/stac_version"),
    (RUN, set_at("type", value="Thing"), "stac-type", "/type"),
    (RUN, set_at("links", 0, "title", value=...), "link-title", "/links/0/title"),
    (RUN, set_at("links", 0, "title", value="Another"), "link-title", "/links/0/title"),
    (RUN, set_at("links", 1, "type", value="text/html"), "link-type", "/links/1/type"),
    (RUN, set_at("links", 3, "href", value="ftp://x.org/a.json"), "self-absolute", "/links/3/href"),
    (RUN, set_at("links", 3, "href", value="https://x.org/stac/a.json"), "self-href", "/links/3/href"),
    (RUN, set_at("links", 0, "rel", value="about"), "link-root", "/links"),
    (RUN, set_at("links", 0, "rel", value="parent"), "link-single", "/links"),
    (RUN, set_at("links", 1, "href", value="../other.json"), "link-dangling", "/links/1/href"),
    (RUN, set_at("links", 1, "rel", value="related"), "link-parent", ""),
    (RUN, set_at("collection", value="school"), "collection-id", "/collection"),
    (RUN, set_at("properties", "title", value=" "), "title", "/properties/title"),
    (RUN, set_at("properties", "description", value="# A heading\n```"),
     "description-prose", "/properties/description"),
    (RUN, set_at("properties", "description", value="No code."), "description-snippet", "/properties/description"),
    (COLLECTION, set_at("license", value="proprietary"), "license", "/license"),
    (RUN, set_at("geometry", value=None), "https://schemas.stacspec.org/", ""),
    (RUN, set_at("bbox", value=[272.25, 41.98, 272.25, 41.98]), "bbox-range", "/bbox"),
    (RUN, set_at("bbox", value=[-87.75, 42, -87.75, 41]), "bbox-order", "/bbox"),
    (RUN, set_at("geometry", "coordinates", value=[8.5, 47.4]), "geometry-bbox", "/geometry/coordinates"),
    (OLD, set_at("geometry", "coordinates", 0, 4, value=[-87.79, 41.93]), "ring-closed", "/geometry/coordinates/0"),
    (OLD, set_at("bbox", value=[170, 41.93, -170, 42.03]), "antimeridian", "/geometry"),
    (COLLECTION, set_at("extent", "spatial", "bbox", value=[[0, 0, 1, 1]] * 2),
     "https://schemas.stacspec.org/", "/extent"),
    (RUN, set_at("properties", "start_datetime", value="2017-01-01T06:00:00+00:00"),
     "time-utc", "/properties/start_datetime"),
    (RUN, set_at("properties", "start_datetime", value="2018-01-01T06:00:00Z"),
     "time-order", "/properties/end_datetime"),
    (RUN, set_at("properties", "sim:note", value="see /home/someone/x"), "local-path", "/properties/sim:note"),
    (RUN, set_at("properties", "sim:note", value="C:\\Users\\me"), "local-path", "/properties/sim:note"),
    (RUN, set_at(*ASSET, "href", value="/srv/a.icechunk"), "local-path", "/assets/icechunk/href"),
    (RUN, set_at(*ASSET, "href", value="file:///srv/a.icechunk"), "local-path", "/assets/icechunk/href"),
    (RUN, set_at("properties", "sim:note", value="AKIAIOSFODNN7EXAMPLE"), "secret", "/properties/sim:note"),
    (RUN, set_at("links", 0, "href", value="https://me:pass@x.org/c.json"), "secret", "/links/0/href"),
    (RUN, set_at("stac_extensions", 0, value="https://x.org/mine/v1/schema.json"),
     "unknown-schema", "/stac_extensions/0"),
    (RUN, set_at("stac_extensions", value=[]), "undeclared-extension", "/stac_extensions"),
    (RUN, set_at("stac_extensions", value=list(SCHEMAS.values())), "unused-extension", "/stac_extensions"),
    (RUN, set_at(*ASSET, "storage:refs", value=["gone"]), "storage-refs", "/assets/icechunk/storage:refs"),
    (RUN, set_at(*ASSET, "storage:refs", value=["aws", "aws"]), "storage-refs", "/assets/icechunk/storage:refs"),
    (RUN, set_at(*ASSET, "storage:refs", value=...), "storage-refs", "/assets/icechunk"),
    (RUN, set_at(*ASSET, "href", value="s3://other/a"), "storage-bucket", "/assets/icechunk/href"),
    (RUN, set_at("storage:schemes", value={}), "storage-schemes", "/storage:schemes"),
    (COLLECTION, set_at("storage:schemes", "aws", "platform", value="https://minio.x.org"),
     "storage-platform", "/storage:schemes/aws/platform"),
    (COLLECTION, set_at("storage:schemes", "aws", "type", value="r2"), "storage-type", "/storage:schemes/aws/type"),
    (COLLECTION, set_at("storage:schemes", "aws", "region", value=...), "storage-scheme", "/storage:schemes/aws"),
    (RUN, set_at(*ASSET, "alternate", "site", "href", value=""), "alternate", "/assets/icechunk/alternate/site"),
    (RUN, set_at(*ASSET, "type", value="application/vnd.zarr; version=3"), "zarr-type", "/assets/icechunk/type"),
    (RUN, set_at(*ASSET, "zarr:zarr_format", value=4), "zarr", "/assets/icechunk/zarr:zarr_format"),
    (RUN, set_at(*ASSET, "icechunk:branch", value="main"), "icechunk-version", "/assets/icechunk/icechunk:branch"),
    (RUN, set_at(*ASSET, "title", value=...), "asset-title", "/assets/icechunk"),
    (RUN, set_at(*ASSET, "roles", value=["data", "virtual"]), "virtual", "/assets/icechunk"),
    (RUN, set_at(*ASSET, "vrt:hrefs", value=[{"key": "a", "href": "#/assets/a"}]),
     "virtual", "/assets/icechunk/vrt:hrefs/0/href"),
    (RUN, set_at(*ASSET, "file:checksum", value="sha256"), "file", "/assets/icechunk/file:checksum"),
    (RUN, set_at(*ASSET, "proj:shape", value=[1]), "projection", "/assets/icechunk/proj:shape"),
    (RUN, set_at("properties", "sci:doi", value="zenodo.1"), "doi", "/properties/sci:doi"),
    (RUN, set_at("properties", "deprecated", value="no"), "version", "/properties/deprecated"),
    (RUN, set_at("properties", "processing:software", value={"a": 1}), "software", "/properties/processing:software"),
    (COLLECTION, set_at("summaries", "sim:eui", value={"minimum": 2, "maximum": 1}),
     "summary-range", "/summaries/sim:eui"),
    (COLLECTION, set_at("summaries", "cube:variables", value=["a"]), "summary-cube", "/summaries/cube:variables"),
    (RUN, set_at(*CUBE, "zone", value=...), "cube-dangling", "/properties/cube:variables/monthly~1energy/dimensions"),
    (RUN, set_at(*CUBE, "zone", "values", value=[]), "cube-values", "/properties/cube:dimensions/zone/values"),
    (RUN, set_at(*CUBE, "time", "axis", value="t"), "cube-axis", "/properties/cube:dimensions/time/axis"),
    (RUN, set_at(*CUBE, "time", "extent", value=[0, 1]), "cube-dimension", "/properties/cube:dimensions/time"),
    (RUN, set_at(*CUBE, "time", "size", value=47), "cube-shape", "/properties/cube:variables/electricity/shape"),
    (RUN, set_at(*VARIABLES, "electricity", "unit", value=None),
     "cube-unit", "/properties/cube:variables/electricity/unit"),
    (RUN, set_at(*VARIABLES, "electricity", "data_type", value="f4"),
     "cube-data-type", "/properties/cube:variables/electricity/data_type"),
    (RUN, set_at(*VARIABLES, "electricity", "nodata", value="NaN"),
     "cube-nodata", "/properties/cube:variables/electricity/nodata"),
    (RUN, set_at(*VARIABLES, "zone", value={"dimensions": []}), "cube-disjoint", "/properties/cube:variables/zone"),
    (RUN, set_at(*VARIABLES, "electricity", value={"type": "data"}),
     "cube-variable", "/properties/cube:variables/electricity"),
    (RUN, set_at(*VARIABLES, "electricity", "type", value="result"),
     "cube-variable", "/properties/cube:variables/electricity"),
    (RUN, set_at(*VARIABLES, "electricity", value=3), "malformed", ""),
    (RUN, set_at(*ASSET, "zarr:node_type", value=["group"]), "malformed", ""),
    (COLLECTION, set_at("assets", "icechunk", "alternate", value=[]), "malformed", ""),
    (RUN, set_at("links", 1, "type", value=...), "link-type", "/links/1/type"),
    (RUN, set_at(*ASSET, "roles", value=...), "asset-roles", "/assets/icechunk"),
    (RUN, set_at(*ASSET, "type", value=...), "asset-type", "/assets/icechunk"),
    (RUN, set_at(*ASSET, "href", value="https://x.org/a.icechunk/"), "trailing-slash", "/assets/icechunk/href"),
    (COLLECTION, set_at("description", value=" "), "description", "/description"),
    (RUN, without_a_place, "geometry", "/geometry"),
    (OLD, set_at("links", 4, "rel", value="related"), "version-symmetry", ""),
    (OLD, set_at("links", 5, "rel", value="related"), "version-latest", "/links"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "change", "rule", "pointer"), BROKEN, ids=[f"{b[2]}-{i}" for i, b in enumerate(BROKEN)]
)
def test_what_is_wrong_is_found(site, path, change, rule, pointer):
    assert [link["rel"] for link in site[OLD]["links"][4:]] == ["successor-version", "latest-version"]
    broken = copy.deepcopy(site)
    change(broken[path])
    findings = check(broken)
    assert [entry for entry in findings if entry.rule.startswith(rule) and entry.pointer.startswith(pointer)], findings
    assert all(entry.problem and entry.remedy for entry in findings)


def test_every_rule_has_a_case_above():
    """Rules of which a field's name is part have one for each field that the rule asks for."""
    elsewhere = {"asset-missing", "json", "orphan"}
    told = {case[2] for case in BROKEN} | elsewhere
    written = set()
    for module in Path(validate.__file__).parent.glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)]
        rules = [call.args[1] for call in calls if getattr(call.func, "id", "") == "Broken"]
        written |= {rule.value for rule in rules if isinstance(rule, ast.Constant)}
    assert len(written) > 50
    assert written - told == set()
    assert {"asset-roles", "asset-title", "asset-type", "link-title", "link-type"} <= told


@pytest.mark.parametrize("links", [None, [3], [{"rel": ["child"]}], [{"href": 3}]])
def test_a_root_whose_links_are_none_is_a_finding(site, links):
    site["catalog.json"]["links"] = links
    assert any(finding.document == "catalog.json" for finding in check(site))


def test_an_orphan_is_found_and_a_missing_asset(site):
    del site[COLLECTION]["links"][-1]
    findings = check(site, exists=lambda path: not path.endswith("items.parquet"))
    assert [entry.rule for entry in findings] == ["orphan"]
    site[COLLECTION]["assets"]["items"] = {"href": "./items.parquet", "type": "a/b", "title": "t", "roles": ["x"]}
    assert "asset-missing" in {
        entry.rule for entry in check(site, exists=lambda path: not path.endswith("items.parquet"))
    }


def test_parts_of_a_catalog_have_no_dangling_links(site):
    assert check({RUN: site[RUN]}, whole=False) == []


def test_json_that_is_not_strict(tmp_path):
    (tmp_path / "catalog.json").write_text('{"stac_version": "1.1.0", "x": NaN}')
    assert [entry.rule for entry in validate_tree(tmp_path).findings] == ["json"]


def test_a_finding_is_one_line_with_what_to_do(site):
    site[RUN]["links"][0]["title"] = "Another"
    (finding,) = check(site)
    assert str(finding) == (
        "office/run-0000/run-0000.json#/links/0/title: the title 'Another' of the root link is not its target's 'Lab' "
        "(link-title); write the target's title"
    )


def test_a_folder_a_document_and_a_missing_path(site, tmp_path):
    for path, document in site.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(canonical_json(document))
    (tmp_path / "data/x.icechunk").mkdir(parents=True)
    (tmp_path / "data/x.icechunk/inner.json").write_text('{"stac_version": "1.1.0", "type": "Catalog"}')
    (tmp_path / "other.json").write_text("[]")
    assert (validate_tree(tmp_path).documents, validate_tree(tmp_path).findings) == (6, ())
    assert validate_tree(tmp_path / RUN).documents == 1
    assert validate_tree(tmp_path / RUN).ok
    with pytest.raises(StorageError, match="does not exist"):
        validate_tree(tmp_path / "nowhere")
    assert not validate_tree(tmp_path / "data").ok


def test_a_folder_of_schemas_that_is_not_there_is_an_error(site, tmp_path):
    with pytest.raises(StorageError, match="absent: is no folder of schemas; name one, or say network"):
        check(site, official=tmp_path / "absent")


def test_official_schemas_from_a_folder(site, tmp_path):
    folder = tmp_path / "stac-extensions.github.io/datacube/v2.3.0"
    folder.mkdir(parents=True)
    refuse = {"properties": {"id": {"not": {"const": "run-0000"}}}}
    (folder / "schema.json").write_text(json.dumps(refuse))
    findings = check(site, official=tmp_path)
    assert [entry.document for entry in findings if entry.rule == SCHEMAS["datacube"]] == [RUN]
    unknown = {entry.problem.partition(" (")[0] for entry in findings if entry.rule == "unknown-schema"}
    assert f"no schema to be had for {SCHEMAS['version']}" in unknown
    assert f"no schema to be had for {SCHEMAS['datacube']}" not in unknown


class Schemas(http.server.ThreadingHTTPServer):
    """Schemas as their publishers serve them, a redirect at ``/moved.json``, and a list of what was asked."""

    def __init__(self, documents: dict[str, object]) -> None:
        super().__init__(("127.0.0.1", 0), SchemaHandler)
        self.documents, self.asked = documents, list[str]()
        self.url = f"http://127.0.0.1:{self.server_port}"


class SchemaHandler(http.server.BaseHTTPRequestHandler):
    server: Schemas

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        found = self.server.documents.get(self.path)
        self.send_response(200 if found is not None else 302 if self.path == "/moved.json" else 404)
        if self.path == "/moved.json":
            self.send_header("Location", "/datacube.json")
        self.end_headers()
        self.wfile.write(json.dumps(found).encode() if found is not None else b"")

    def log_message(self, *arguments: object) -> None:
        """Be silent."""


@pytest.fixture
def published():
    """An extension's schema of the official shape: conditions, definitions, and references to other hosts' schemas."""
    server = Schemas({})
    server.documents |= {
        "/rooms/v1.0.0/schema.json": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "$id": f"{server.url}/rooms/v1.0.0/schema.json#",
            "oneOf": [
                {
                    "allOf": [
                        {"$ref": "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"},
                        {"properties": {"properties": {"$ref": "#/definitions/fields"}}},
                    ]
                },
                {"properties": {"type": {"const": "Collection"}}},
            ],
            "definitions": {"fields": {"properties": {"rooms:count": {"$ref": f"{server.url}/shared.json#/count"}}}},
        },
        "/shared.json": {"count": {"type": "integer", "minimum": 1}},
    }
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def declared(site, uri, **properties):
    """The site's first run with one more extension, and that one alone."""
    document = copy.deepcopy(site[RUN])
    document["stac_extensions"] = [uri]
    document["properties"] |= properties
    return {RUN: json.dumps(document).encode()}


@pytest.mark.parametrize(("count", "valid"), [(3, True), (0, False), ("three", False)])
def test_official_schemas_from_the_network(site, published, count, valid):
    """Fetched over HTTP, with what they refer to, once for all documents; the core is the one that pystac carries."""
    uri = f"{published.url}/rooms/v1.0.0/schema.json"
    documents = declared(site, uri, **{"rooms:count": count})
    documents |= {path.replace("run-0000", "again"): content for path, content in documents.items()}
    findings = validate_documents(documents.items(), official="network", whole=False).findings
    about = [entry for entry in findings if entry.rule == uri]
    assert (about == []) is valid
    assert [entry for entry in findings if "no schema to be had" in entry.problem] == []
    assert sorted(published.asked) == ["/rooms/v1.0.0/schema.json", "/shared.json"]


@pytest.mark.parametrize(
    ("path", "why"),
    [("/nothing.json", "404 Not Found"), ("/moved.json", "redirects to"), ("/page.json", "nknown type")],
)
def test_a_schema_that_cannot_be_had_is_a_finding(site, published, path, why):
    published.documents["/page.json"] = {"type": "no such type"}
    documents = declared(site, published.url + path)
    findings = validate_documents(documents.items(), official="network", whole=False).findings
    said = [entry.problem for entry in findings if "no schema to be had" in entry.problem]
    assert len(said) == 1
    assert why in said[0]


def test_a_host_that_cannot_be_reached_is_asked_once_and_the_remedy_is_the_network(site):
    with socket.socket() as taken:  # bound, and listening to nobody
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}/schema.json"
        (content,) = declared(site, uri).values()
        documents = {RUN.replace("run-0000", f"run-{number}"): content for number in range(3)}
        findings = validate_documents(documents.items(), official="network", whole=False).findings
    (finding,) = [entry for entry in findings if "no schema to be had" in entry.problem]
    assert finding.problem == f"no schema to be had for {uri} (cannot be reached: [Errno 111] Connection refused)"
    assert finding.remedy == "check the address and the network"


def test_a_host_that_never_answers_is_given_up(site, monkeypatch):
    monkeypatch.setattr("simstac.engine.fetch._TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}/schema.json"
        findings = validate_documents(declared(site, uri).items(), official="network", whole=False).findings
    (finding,) = [entry for entry in findings if "no schema to be had" in entry.problem]
    assert "cannot be reached: timed out" in finding.problem


def test_it_needs_neither_xarray_nor_numpy():
    program = (
        "import sys, simstac.stac.validate; print(sorted({'numpy', 'pandas', 'xarray', 'icechunk'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
