"""Commands that look at what there is: ``validate``, ``verify``, ``open``, ``browse``."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click

from simstac.cli.build import JSON
from simstac.cli.exit_codes import DONE, FAILED
from simstac.cli.output import as_json, counted
from simstac.cli.progress import drawn_progress
from simstac.cli.publish import show_verified
from simstac.errors import ConfigError, InvalidDocumentError

PORT = click.IntRange(0, 65535)


def _parsable(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """A path, or an address whose parts can be told."""
    try:
        urlsplit(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no address: {error}") from error
    return value


LOCATION = click.argument("location", metavar="PATH|URL", callback=_parsable)


@click.command()
@LOCATION
@click.option("--official", metavar="DIR|network", help="Check against the official extension schemas too.")
@JSON
def validate(location: str, official: str | None, as_json_: bool) -> int:
    """Check every STAC document of a site, a file or an address."""
    from simstac.stac.validate import validate_tree  # noqa: PLC0415  # keeps --help light

    with drawn_progress(quiet=as_json_) as on_progress:
        checked = validate_tree(location, official=official, on_progress=on_progress)
    if not checked.documents:
        raise InvalidDocumentError(location, "holds no STAC document", "name a catalog.json or its folder")
    if as_json_:
        as_json(checked.findings)
    else:
        for finding in checked.findings:
            click.echo(str(finding))
        counts = counted(checked.documents, "document"), counted(len(checked.findings), "finding")
        click.echo(", ".join(counts), err=True)
    return FAILED if checked.findings else DONE


@click.command()
@click.argument("location", metavar="CONFIG|PATH|URL", callback=_parsable)
@click.option(
    "--sample",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="Places at which each variable is read; 0 opens no store.",
)
@click.option("--items", type=click.IntRange(1), help="Items of each collection that are read; all where left out.")
@JSON
def verify(location: str, sample: int, items: int | None, as_json_: bool) -> int:
    """Go through a catalog as a stranger would.

    Follow every link, open every asset, read a sample of it. With CONFIG, go to its public address, and compare what is
    there with what was built.
    """
    from simstac import pipeline  # noqa: PLC0415  # keeps --help light

    address, site, trust = pipeline.catalog_to_verify(location)
    with drawn_progress(quiet=as_json_) as on_progress:
        report = pipeline.verify(address, site=site, sample=sample, items=items, trust=trust, on_progress=on_progress)
    show_verified(report, as_json_=as_json_)
    return DONE if report.ok else FAILED


@click.command(name="open")
@LOCATION
@click.option("--item", help="Item to open, by id.")
@click.option("--group", help="Group of the store, for example monthly.")
def open_(location: str, item: str | None, group: str | None) -> None:
    """Open a catalog, collection or item and print its dataset."""
    from simstac.engine import open as open_dataset  # noqa: PLC0415  # keeps --help light

    with open_dataset(location, item=item, group=group) as dataset:
        click.echo(str(dataset))


@click.command()
@click.argument("site", metavar="CONFIG|SITE", type=click.Path(exists=True, path_type=Path))
@click.option("--port", type=PORT, default=0, help="Port on 127.0.0.1; a free one where left out.")
@click.option("--browser", is_flag=True, help="Serve STAC Browser too, built on first use (needs Node.js and npm).")
def browse(site: Path, port: int, browser: bool) -> None:
    """Serve a site on this machine, for STAC Browser and notebooks."""
    from simstac import pipeline  # noqa: PLC0415  # keeps --help light
    from simstac.browse import serve  # noqa: PLC0415

    folder = pipeline.site_folder(site)
    with drawn_progress() as on_progress:
        server = serve(folder, port=port, browser=browser, on_progress=on_progress)
    with server:
        click.echo(f"catalog:      {server.catalog_url}")
        click.echo(f"STAC Browser: {server.browser_url}")
        click.echo("Ctrl-C ends it.", err=True)
        server.wait()


@click.command(name="serve")
@click.argument("location", metavar="CONFIG|SITE|URL", callback=_parsable)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=9000, show_default=True, help="Port to listen on.")
@click.option("--public-url", metavar="URL", help="Where readers reach this server, for full addresses in documents.")
@click.option("--dask", metavar="ADDRESS|local", help="Compute on a Dask scheduler.")
def serve_(location: str, host: str, port: int, public_url: str | None, dask: str | None) -> None:
    """Serve the datasets of a catalog: STAC, Zarr, plots, statistics.

    The server is xpublish, and has an intake catalog too. It ends when interrupted.
    """
    from simstac import pipeline  # noqa: PLC0415  # keeps --help light

    try:
        from simstac.xpublish.server import application, dask_client, serve  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise ConfigError("simstac serve", f"needs {error.name}", "pip install 'simstac[xpublish]'") from error
    address, trust = pipeline.catalog_to_serve(location)
    with dask_client(dask) as dashboard:
        here = f"http://{host}:{port}"
        app = application(address, public_url=public_url, local_url=here, trust=trust, lazy=dask is not None)
        root = (public_url or here).rstrip("/")
        click.echo(f"STAC:   {root}/stac-collection-all.json\nintake: {root}/intake.yaml\nAPI:    {root}/docs")
        click.echo(f"Dask:   {dashboard}" if dashboard else "Ctrl-C ends it.", err=not dashboard)
        serve(app, host=host, port=port)


COMMANDS = (validate, verify, open_, browse, serve_)
