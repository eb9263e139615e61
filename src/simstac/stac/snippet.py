"""The Python that every description ends with: it runs as printed."""

from __future__ import annotations

import json
from collections.abc import Sequence

from simstac.stac.document import Document
from simstac.stac.placement import Placement, Route
from simstac.storage import AwsS3, CustomS3

_AS_JSON = json.JSONEncoder(ensure_ascii=False)


def describe(prose: str, code: str) -> str:
    """Prose, then how to open the data."""
    return f"{prose.strip()}\n\n## Open with xarray\n\n```python\n{code}```\n"


def open_snippet(
    path: str, placement: Placement, *, asset: str = "icechunk", run: str | None = None, groups: Sequence[str] = ("",)
) -> str:
    """The lines that open the asset of the document at ``path`` below the catalog's root.

    Without a public URL the path is relative: the lines run in the folder that holds the catalog. An endpoint that only
    the catalog names is trusted with the reader's credentials where no other route leads to the data, or to the chunks
    of a virtual store.

    Args:
        path: The document's.
        placement: The store's.
        asset: The key of its asset.
        run: The run to select.
        groups: Those that hold data, the root as ``""``; the first one is opened.
    """
    name = "item" if path.count("/") > 1 else "collection"
    needed = [placement.primary.scheme, *(route.scheme for _, route, _ in placement.containers)]
    package = "xpystac" if all(isinstance(scheme, AwsS3) for scheme in needed) else "simstac"
    select = f".sel(run={python_string(run)})" if run is not None else ""
    group = f", group={python_string(groups[0])}" if groups[0] else ""
    others = f"  # also {', '.join(groups[1:])}" if groups[0] and groups[1:] else ""
    return (
        "import pystac\n"
        f"import xarray as xr  # pip install {package}\n"
        "\n"
        f"{name} = pystac.read_file({python_string(placement.url(path))})\n"
        f"ds = xr.open_dataset({name}.assets[{python_string(asset)}]{group}{_trust(placement)}){select}{others}\n"
    )


def first_item_snippet(collection: str, item: Document, public_url: str | None) -> str:
    """The lines that list the Items of a Collection and open one of them."""
    path = f"{collection}/collection.json"
    address = f"{public_url.rstrip('/')}/{path}" if public_url else path
    asset = next(key for key, asset in item["assets"].items() if "data" in asset["roles"])
    return (
        "import pystac\n"
        "import xarray as xr  # pip install simstac\n"
        "\n"
        f"collection = pystac.read_file({python_string(address)})\n"
        "print(sorted(item.id for item in collection.get_items()))\n"
        f"item = collection.get_item({python_string(item['id'])})\n"
        f"ds = xr.open_dataset(item.assets[{python_string(asset)}])\n"
    )


def _trust(placement: Placement) -> str:
    ways = [_private_endpoint(route) for route in placement.routes]
    needed = [] if "" in ways else ways
    needed += [endpoint for _, route, _ in placement.containers if (endpoint := _private_endpoint(route))]
    endpoints = list(dict.fromkeys(map(python_string, needed)))
    if not endpoints:
        return ""
    return f", trust={endpoints[0] if len(endpoints) == 1 else '[' + ', '.join(endpoints) + ']'}"


def _private_endpoint(route: Route) -> str:
    """The endpoint that must be trusted with credentials for a route to lead anywhere; empty where none is needed."""
    scheme = route.scheme
    return scheme.endpoint_url if isinstance(scheme, CustomS3) and not scheme.anonymous else ""


def python_string(value: str) -> str:
    """A string as a Python literal; what JSON escapes, Python reads alike."""
    return _AS_JSON.encode(value)
