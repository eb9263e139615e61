import pytest

from simstac.config import load_project
from simstac.errors import ConfigError

GOOD = """\
catalog:
  id: buildings
  title: Building simulations
  description: Parametric studies of small offices.
  public_url: https://data.example.org/stac/
collections:
  - id: office-study
    title: Small office, 18 variants
    description: Insulation, lighting and setpoint of a five-zone office.
    license: CC-BY-4.0
    keywords: [building energy, EnergyPlus]
    providers: [{name: Example Lab, roles: [producer], url: "https://example.org"}]
    source: {engine: energyplus, path: "runs/*", parameters: runs/params.csv}
    store: {}
    version: "1.0.0"
targets:
  - {type: s3, url: "s3://bucket/stac", endpoint_url: "http://127.0.0.1:8333", region: us-east-1, profile: null}
  - {type: git, clone: ../pages, prefix: stac, push: false}
  - {type: local, path: /srv/www/stac}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "buildings.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_configuration_of_the_readme_is_understood(write):
    path = write(GOOD)
    project = load_project(path)
    assert project.site == path.parent / "site"
    assert project.catalog.public_url == "https://data.example.org/stac"
    assert [target.type for target in project.targets] == ["s3", "git", "local"]
    collection = project.collections[0]
    assert (collection.source.engine, collection.source.path) == ("energyplus", "runs/*")
    metadata = collection.described()
    assert (metadata.id, metadata.license, metadata.version) == ("office-study", "CC-BY-4.0", "1.0.0")
    assert metadata.providers[0].name == "Example Lab"


def test_paths_may_begin_at_home(write, monkeypatch):
    monkeypatch.setenv("HOME", "/users/ada")
    text = GOOD.replace("runs/*", "~/runs/*").replace("runs/params.csv", "~/params.csv")
    text = (
        text.replace("../pages", "~/pages").replace("/srv/www/stac", "~/www").replace("store: {}", "store: {url: ~/a}")
    )
    project = load_project(write(text))
    source, store = project.collections[0].source, project.collections[0].store
    assert (source.path, source.parameters, store.url) == ("/users/ada/runs/*", "/users/ada/params.csv", "/users/ada/a")
    assert [str(target.clone) for target in project.targets[1:2]] == ["/users/ada/pages"]
    assert [str(target.path) for target in project.targets[2:]] == ["/users/ada/www"]


def test_the_home_of_nobody_is_an_error(write):
    with pytest.raises(ConfigError, match="~nobody-here/x begins with a user whom this machine does not know"):
        load_project(write(GOOD.replace("/srv/www/stac", "~nobody-here/x")))


@pytest.mark.parametrize(
    ("good", "bad", "line", "problem", "remedy"),
    [
        ("    title: Small", "    titel: Small", 8, "unknown key 'collections.0.titel'", "did you mean 'title'?"),
        (
            "{engine: energyplus",
            "{engin: energyplus",
            13,
            "unknown key 'collections.0.source.engin'",
            "did you mean 'engine'?",
        ),
        (
            "license: CC",
            "licence: CC",
            10,
            "unknown key 'collections.0.licence' (and 1 more)",
            "did you mean 'license'?",
        ),
        ("push: false", "pusch: false", 18, "unknown key 'targets.1.pusch'", "did you mean 'push'?"),
        ("region: us-east-1", "secret_key: abc", 17, "unknown key", "the usual AWS chain"),
        ("    license: CC-BY-4.0\n", "", 7, "key 'collections.0.license' is missing", "simstac schema"),
        ("id: office-study", "id: Office Study", 7, "collections.0.id", "simstac schema"),
        ('version: "1.0.0"', "version: 1.0", 15, "collections.0.version", 'write it in quotes: "1.0"'),
        ("{type: git, ", "{", 18, "targets.1: key 'type' is missing", "simstac schema"),
        ("store: {}", "store: []", 14, "collections.0.store: should be a mapping", "simstac schema"),
        ("keywords: [building energy, EnergyPlus]", "keywords: one", 11, "should be a list, not 'one'", "schema"),
        ("s3://bucket/stac", "s3://bucket/my//stac", 17, "targets.0.url: has a part that is empty", "simstac schema"),
        ("s3://bucket/stac", "s3://bucket/../stac", 17, "targets.0.url: has a part that is empty", "simstac schema"),
        ("s3://bucket/stac", "s3://key:hidden@bucket/stac", 17, "holds a user name or password", "simstac schema"),
        ("s3://bucket/stac", r"s3://bucket/a\tb", 17, "targets.0.url: holds a control character", "simstac schema"),
        (
            '"http://127.0.0.1:8333"',
            '"https://me.eu.r2.cloudflarestorage.com/", anonymous: true',
            17,
            "targets.0: anonymous: Cloudflare R2 lets nobody read by S3 without keys: leave it out, and set catalog",
            "simstac schema",
        ),
        ("prefix: stac", "prefix: .GIT/hooks", 18, "targets.1.prefix: is not a folder in the clone", "simstac schema"),
        ("store: {}", 'store: {url: "s3://bucket/my store"}', 14, "collections.0.store: holds ' '", "simstac schema"),
        ("org/stac/", "org/stac?a=b", 5, "catalog.public_url: holds '?' or '#'", "simstac schema"),
        ("store: {}", 'store: {url: "s3://bucket/x?y"}', 14, "collections.0.store: holds '?'", "simstac schema"),
        ("id: office-study", "id: data", 7, "'data' has its own meaning in a site", "simstac schema"),
        ("public_url: https://data.example.org/stac/", "site: .", 5, "holds the configuration", "a folder of its own"),
        (
            "public_url: https://data.example.org/stac/",
            "site: runs",
            13,
            "lies in the site",
            "of its own",
        ),
        ("path: /srv/www/stac", "path: site/www", 19, "lies in the site", "outside the site"),
        ("clone: ../pages, prefix: stac", "clone: ., prefix: site", 18, "lies in the site", "outside the site"),
        ("s3://bucket/stac", "bucket/stac", 17, "is not of the form s3://bucket/prefix", "simstac schema"),
        ("type: local", "type: ftp", 19, "'ftp'", "simstac schema"),
        ("catalog:\n", "catalog:\n  id: twice\n", 3, "key 'id' is there twice", "line 2"),
        ("title: Building simulations", "title: [", 5, "is not YAML", "mend this line"),
        ("data.example.org", "key:hidden@data.example.org", 5, "user name or password", "simstac schema"),
        ("catalog:\n", "file: x\ncatalog:\n", 1, "unknown key 'file'", "known here: catalog"),
        ("store: {}", 'store: {url: "https://x.org/a"}', 14, "the web is read only", "simstac schema"),
        ("    store: {}", "    ? [a, b]\n    : 1", 14, "a key is a list or a mapping", "plain words"),
        ("store: {}", "store: &a {url: *a}", 14, "is an anchor that holds itself", "write out"),
        ("store: {}", "metadata: {datetime: 2024-02-30}", 14, "day is out of range for month", "correct this value"),
        ("store: {}", f"store: {{chunks: {{run: {'9' * 5000}}}}}", 14, "Exceeds the limit", "correct this value"),
        ('"runs/*"', '"runs\\0"', 13, "holds a character that no text has", "escapes"),
        ('"runs/*"', '"\\ud800"', 13, "holds a character that no text has", "escapes"),
        ("{engine: energyplus", "{engine: [a]", 13, "collections.0.source.engine: Input should be", "simstac schema"),
        (
            '{engine: energyplus, path: "runs/*", parameters: runs/params.csv}',
            "runs",
            13,
            ".source: should be a",
            "schema",
        ),
        ('path: "runs/*"', 'path: "runs/*", region: eu', 13, "region is of use only with a path in a bucket", "schema"),
        ("data.example.org", "${SIMSTAC_NOT_SET}", 5, "environment variable SIMSTAC_NOT_SET is not set", "export"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(write, good, bad, line, problem, remedy):
    assert good in GOOD
    path = write(GOOD.replace(good, bad, 1))
    with pytest.raises(ConfigError) as caught:
        load_project(path)
    assert caught.value.where == f"{path}:{line}"
    assert problem in str(caught.value)
    assert remedy in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ('{engine: eplaunch, path: "s3://bucket/x"}', "EP-Launch works in folders"),
        ("{engine: scythe, path: x, profile: a}", "profile is of use only with a path in a bucket"),
        ("{engine: eplaunch, path: x, anonymous: true}", "anonymous is of use only with a path in a bucket"),
        ('{engine: iris, path: ["a.pp", "s3://bucket/x.pp"]}', "s3://bucket/x.pp is an address, and Iris reads files"),
    ],
)
def test_sources_of_this_machine_alone_are_in_no_bucket(write, source, problem):
    line = '{engine: energyplus, path: "runs/*", parameters: runs/params.csv}'
    with pytest.raises(ConfigError, match=problem) as caught:
        load_project(write(GOOD.replace(line, source)))
    assert caught.value.where.endswith(":13")


def test_brackets_without_end_are_said_in_one_line(write):
    with pytest.raises(ConfigError, match="nested too deeply"):
        load_project(write("a: " + "[" * 5000))


def test_a_mark_and_ends_of_lines_of_windows_make_no_difference(write):
    path = write("")
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_project(path).collections == load_project(write(GOOD)).collections


def test_the_environment_stands_in_what_anchors_share(write, monkeypatch):
    monkeypatch.setenv("FOLDER", "here")
    text = GOOD.replace("store: {}", "metadata: &m {x: lon, y: lat}\n    store: {}")
    text = text.replace("source: {engine", "source: {<<: {parameters: '${FOLDER}.csv'}, engine")
    text = text.replace(", parameters: runs/params.csv", "").replace(
        "keywords: [building energy", "keywords: ['${FOLDER}'"
    )
    (collection,) = load_project(write(text)).collections
    assert (collection.source.parameters, collection.keywords[0]) == ("here.csv", "here")


def test_two_collections_of_one_name_are_refused(write):
    head, rest = GOOD.split("collections:\n")
    collection, targets = rest.split("targets:\n")
    with pytest.raises(ConfigError, match="'office-study' is there twice"):
        load_project(write(f"{head}collections:\n{collection}{collection}targets:\n{targets}"))


def test_the_environment_stands_in_values(write, monkeypatch):
    monkeypatch.setenv("BUCKET", "lab: #1")
    assert (
        load_project(write(GOOD.replace("title: Small office", "title: In ${BUCKET}"))).collections[0].title
        == "In lab: #1, 18 variants"
    )


@pytest.mark.parametrize("text", ["", "- a\n", "file: /etc/x\n", "\x00"])
def test_what_is_no_configuration_is_refused(write, text):
    with pytest.raises(ConfigError, match=r"buildings\.yaml"):
        load_project(write(text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load_project(tmp_path / "nowhere.yaml")


def test_addresses_may_hold_any_letter(write):
    odd = GOOD.replace("s3://bucket/stac", "s3://bucket/Größe 50%/ç😀/").replace("org/stac/", "org/Größe 50%/a%20b/")
    project = load_project(write(odd.replace("store: {}", 'store: {url: "s3://bucket/größe/x"}')))
    assert project.targets[0].url == "s3://bucket/Größe 50%/ç😀"
    assert project.catalog.public_url == "https://data.example.org/Gr%C3%B6%C3%9Fe%2050%25/a%20b"
    assert project.collections[0].store.url == "s3://bucket/größe/x"
