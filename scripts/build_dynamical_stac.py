"""Build a STAC catalog of every store in the buckets of dynamical.org, or of another registry, and publish it.

The buckets come from the Registry of Open Data on AWS (files ``dynamical-*.yaml``). The catalog goes to a bucket, to a
clone that GitHub Pages serves, or to both; run again, it reads and writes only what has changed.
"""

from __future__ import annotations

import argparse
import logging
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import simstac
from simstac.config.load import validated
from simstac.config.sources import AWS_REGISTRY

CACHE = Path.home() / ".cache" / "simstac" / "dynamical-stac"
BROWSER = "https://radiantearth.github.io/stac-browser/#/external/"
DESCRIPTION = (
    "Weather forecast and analysis datasets from dynamical.org, stored as Icechunk repositories on Amazon S3. "
    "Every Item opens with xarray."
)


def main() -> int:
    """Build, publish, and say what was done."""
    options = parsed()
    logging.basicConfig(stream=sys.stderr)
    logging.getLogger("simstac").setLevel(logging.DEBUG if options.verbose else logging.WARNING)
    if options.geoparquet and find_spec("stac_geoparquet") is None:
        print("error: --geoparquet needs stac-geoparquet; pip install 'simstac[parquet]'", file=sys.stderr)
        return 2
    try:
        project = validated(simstac.Project, configuration(options), "correct the option; see --help")
        report = simstac.build(project)
        print(*(f"{each.id}: {each.summary}" for each in report.collections), sep="\n")
        problems = [*report.errors, *(problem for each in report.collections for problem in each.problems)]
        outcomes = () if report.errors else simstac.publish(project)
    except simstac.SimstacError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, simstac.ConfigError) else 1
    problems += [outcome.error for outcome in outcomes if outcome.error is not None]
    print(*(f"error: {problem}\n" for problem in problems), sep="", end="", file=sys.stderr)
    print(*(list(outcome.changes.lines())[-1] for outcome in outcomes if outcome.changes is not None), sep="\n")
    print(f"Catalog:      {project.site}\nCatalog URL:  {project.catalog.public_url}/catalog.json")
    print(f"STAC Browser: {BROWSER}{project.catalog.public_url}/catalog.json")
    return 1 if problems else 0


def configuration(options: argparse.Namespace) -> dict[str, Any]:
    """The configuration that the options stand for."""
    public_url = f"{'' if '://' in options.public_domain else 'https://'}{options.public_domain}"
    source = {
        "engine": "icechunk",
        "registry": {"at": options.registry, "name": "dynamical-*"},
        "endpoint_url": options.endpoint_url,
        "thumbnails": options.thumbnails,
    }
    about = {
        "id": "stores",
        "title": "Datasets of dynamical.org",
        "description": DESCRIPTION,
        "license": "CC-BY-4.0",
        "providers": [
            {"name": "dynamical.org", "roles": ["producer", "processor", "host"], "url": "https://dynamical.org"}
        ],
    }
    url = f"s3://{options.catalog_bucket}/{options.catalog_prefix}"
    bucket = {"type": "s3", "url": url, "profile": options.profile or None, "endpoint_url": options.endpoint_url}
    pages = {
        "type": "git",
        "clone": options.github_pages,
        "prefix": options.catalog_prefix,
        "push": options.github_pages_push,
    }
    folder = options.output_dir or CACHE / options.catalog_bucket / options.catalog_prefix
    return {
        "file": Path.cwd() / "dynamical-stac.yaml",
        "catalog": {
            "id": "dynamical-org-icechunk",
            "title": "dynamical.org",
            "description": DESCRIPTION,
            "public_url": f"{public_url.rstrip('/')}/{options.catalog_prefix}",
            "site": folder.absolute(),
        },
        "collections": [{**about, "source": source}],
        "targets": [*([] if options.no_upload else [bucket]), *([pages] if options.github_pages else [])],
    }


def parsed() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--catalog-bucket", default="osc-pub", help="bucket of the catalog (default: %(default)s)")
    add("--catalog-prefix", default="stac/dynamical", help="prefix of the catalog (default: %(default)s)")
    add("--profile", default="osc-pub-r2", help="AWS profile that may write there; '' for the environment's keys")
    add("--public-domain", default="r2-pub.openscicomp.io", help="domain, or URL, at which the bucket is read")
    add("--output-dir", type=Path, help="folder that the catalog is built in (default: one in ~/.cache that is kept)")
    add("--no-upload", action="store_true", help="do not publish to the bucket")
    add("--geoparquet", action="store_true", help="insist on the table of all Items, items.parquet")
    add("--github-pages", type=Path, metavar="DIR", help="clone that GitHub Pages serves; committed under the prefix")
    add("--github-pages-push", action="store_true", help="push the clone, too")
    add("--thumbnails", action="store_true", help="draw a map of each store, which reads some of its data")
    add("--registry", default=AWS_REGISTRY, help="folder of YAML files, URL of one, or GitHub API URL of a folder")
    add("--endpoint-url", help="S3-compatible service that all buckets are in, where it is not Amazon S3")
    add("-v", "--verbose", action="store_true", help="log what is done")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
