from dataclasses import dataclass

import pytest
from tests.study_folder import study_folder, three_runs  # noqa: F401  # fixtures

from simstac.cli import main


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def simstac(capsys, monkeypatch):
    """The command line in this process, as its users meet it: exit code, stdout and stderr."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["simstac", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Said(int(ended.value.code or 0), said.out, said.err)

    return call
