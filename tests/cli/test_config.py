import json


def test_import_writes_a_configuration_and_says_what_is_left(simstac, tmp_path):
    source, target = tmp_path / "default.json", tmp_path / "new.yaml"
    source.write_text(json.dumps({"collection": {"id": "a", "title": "A"}, "assets": {"data": {}}}))
    said = simstac("config", "import", source, "--store", "s3://bucket/a.icechunk", "-o", target)
    assert (said.code, said.out.splitlines()[0]) == (0, f"wrote {target}")
    assert "not taken over: assets.data: " in said.err
    assert "s3://bucket/a.icechunk" in target.read_text()
    again = simstac("config", "import", source, "-o", target)
    assert (again.code, again.err) == (
        2,
        f"error: {target}: is there already; name another one with --output, or remove it first\n",
    )
