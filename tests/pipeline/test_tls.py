"""Files and stores on a web server over TLS whose certificate an authority of our own has signed."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
import xarray as xr
from tests.existing_stores import analysis, write_icechunk
from tests.virtual_files import write_steps

from simstac.browse import serve

pytestmark = pytest.mark.requires("openssl")
PROGRAM = """
import sys, simstac
for name, variable, item in (("copied", "tas", None), ("referred", "tas", None), ("stores", "t2m", "weather")):
    report = simstac.build(simstac.load_project(f"{sys.argv[1]}/{name}.yaml"))
    print(name, *(each.summary for each in report.collections), *report.errors, sep=": ")
    for each in report.collections:
        print(*each.problems, sep="")
        data = simstac.open(f"{sys.argv[1]}/site-{name}/catalog.json", item=item)
        print(float(data[variable].sum()))
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority's certificate ``ca.pem``, and a server's ``server.pem`` and ``server.key``."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    authority = ("-subj", "/CN=Authority", "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-x509", *key, *authority, "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *key, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
    (folder / "about").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "about")
    openssl("x509", "-req", "-in", "server.csr", *signed, "-out", "server.pem")
    return folder


def test_files_and_stores_are_read_over_tls_where_the_authority_is_trusted(certificates: Path, tmp_path: Path) -> None:
    web = tmp_path / "web"
    for number in range(2):
        write_steps(web / "model out" / f"{number} ü.nc", [2.0 * number, 2.0 * number + 1], seed=number)
    write_icechunk(analysis(), str(web / "weather.icechunk"))
    (web / "catalog.json").write_text("{}")
    server = serve(web)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http://", "https://")
    files = [f"{url}/model%20out/{number}%20%C3%BC.nc" for number in range(2)]
    sources = {
        "copied": {"engine": "cf", "path": files},
        "referred": {"engine": "cf", "path": files, "virtual": True},
        "stores": {"engine": "icechunk", "stores": [f"{url}/weather.icechunk"]},
    }
    for name, source in sources.items():
        collection = {"id": "model", "license": "CC-BY-4.0", "source": source}
        said = {"catalog": {"id": name, "site": f"site-{name}"}, "collections": [collection]}
        (tmp_path / f"{name}.yaml").write_bytes(orjson.dumps(said))
    with server:
        strange = _run(tmp_path, {})
        trusting = _run(tmp_path, {"SSL_CERT_FILE": str(certificates / "ca.pem")})
    total = sum(float(xr.load_dataset(path).tas.sum(dtype="f8")) for path in sorted(web.glob("*/*.nc")))
    lines = [line for line in trusting.splitlines() if line]
    assert lines[0] == "copied: written, version 1, 2 files (2 added)"
    assert float(lines[1]) == pytest.approx(total, rel=1e-6)
    assert lines[2] == "referred: written, version 1, 2 files (2 referenced)"
    assert float(lines[3]) == pytest.approx(total, rel=1e-6)
    assert lines[4] == "stores: 1 store (1 described)"
    assert float(lines[5]) == pytest.approx(float(analysis()["t2m"].sum()))
    assert f"{files[0]}: has a certificate that is not trusted; name the certificate of its" in strange
    assert strange.count("not trusted") == 3


def _run(folder: Path, more: dict[str, str]) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT")} | more
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
