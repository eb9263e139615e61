"""The xarray engine ``simstac``: a pystac Asset, Item or Collection → Dataset or DataTree.

Imported whenever xarray lists its engines, so pystac, icechunk and zarr are imported only where something is opened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from xarray.backends import BackendEntrypoint

from simstac.engine.routes import (
    Kind,
    Route,
    asset_kind,
    asset_routes,
    claims,
    data_asset,
    declared_schemes,
    describe,
    document_address,
    missing_refs,
    owner_of,
)
from simstac.engine.trust import TRUST_VARIABLE, ambient_allowed, origin, trusted_endpoints
from simstac.errors import InvalidDocumentError, SimstacError, StorageError
from simstac.storage import AwsS3, Azure, CustomS3, Gcs, Http, LocalPath, StorageScheme

if TYPE_CHECKING:
    import pystac
    import xarray as xr

logger = logging.getLogger(__name__)

_CREDENTIALS: dict[type[StorageScheme], str] = {
    AwsS3: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    CustomS3: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    Gcs: "GOOGLE_APPLICATION_CREDENTIALS, or run gcloud auth application-default login",
    Azure: "AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_KEY, or AZURE_USE_AZURE_CLI=true after az login",
}
_DECODERS = (
    "mask_and_scale",
    "decode_times",
    "concat_characters",
    "decode_coords",
    "use_cftime",
    "decode_timedelta",
)


class SimstacBackend(BackendEntrypoint):
    """Opens the Icechunk or Zarr store behind a pystac Asset, Item or Collection.

    Options of ``xr.open_dataset`` and ``xr.open_datatree`` beyond xarray's own:

    - ``group``: the group inside the store.
    - ``asset``: the key of the asset, where an Item or Collection has several stores.
    - ``version``: a tag, branch or snapshot id to open instead of the one that the asset names.
    - ``trust``: endpoints of S3-compatible services that may see your credentials; one that only the catalog names
      is read anonymously.

    An Item of a run in a study (property ``sim:run_id``) opens as that run alone; an Asset as the whole store.
    """

    description = "Open Icechunk and Zarr stores from STAC Assets, Items and Collections"
    supports_groups = True
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "drop_variables",
        "group",
        "asset",
        "version",
        "trust",
        *_DECODERS,
    )

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether the object is a pystac Asset, Item or Collection of media type Icechunk or Zarr."""
        return claims(filename_or_obj)

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        group: str | None = None,
        asset: str | None = None,
        version: str | None = None,
        trust: str | Iterable[str] = (),
        **decoders: Any,
    ) -> xr.Dataset:
        """One group as a Dataset, its values read when they are used; ``encoding["source"]`` is the route taken.

        Raises:
            StorageError: If no route leads to the store; the message names each one and why it failed.
            InvalidDocumentError: If the asset is not as STAC says.
        """
        from xarray.backends.zarr import ZarrBackendEntrypoint  # noqa: PLC0415  # see the module docstring

        source = _Source.of(filename_or_obj, asset, group)

        def read(store: Any, **zarr: Any) -> xr.Dataset:
            options = zarr | decoders
            return ZarrBackendEntrypoint().open_dataset(store, group=group, drop_variables=drop_variables, **options)

        dataset, href = _first_open(source, read, version, trusted_endpoints(trust))
        return _select(dataset, source.run, href)

    def open_groups_as_dict(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        group: str | None = None,
        asset: str | None = None,
        version: str | None = None,
        trust: str | Iterable[str] = (),
        **decoders: Any,
    ) -> dict[str, xr.Dataset]:
        """Every group of the store by its path; raises as `open_dataset` does."""
        from xarray.backends.zarr import ZarrBackendEntrypoint  # noqa: PLC0415  # see the module docstring

        source = _Source.of(filename_or_obj, asset, group)

        def read(store: Any, **zarr: Any) -> dict[str, xr.Dataset]:
            options = zarr | decoders
            groups = ZarrBackendEntrypoint().open_groups_as_dict(
                store, group=group, drop_variables=drop_variables, **options
            )
            return dict(groups)

        groups, href = _first_open(source, read, version, trusted_endpoints(trust))
        return {path: _select(dataset, source.run, href) for path, dataset in sorted(groups.items())}

    def open_datatree(self, filename_or_obj: Any, **options: Any) -> xr.DataTree:
        """The whole store, or the groups below ``group``, as a DataTree; takes and raises what `open_dataset` does."""
        from xarray import DataTree  # noqa: PLC0415  # see the module docstring

        return DataTree.from_dict(self.open_groups_as_dict(filename_or_obj, **options))


@dataclass(frozen=True, slots=True)
class StoreOfAsset:
    """The store behind a document, opened.

    Attributes:
        store: The Zarr store, read-only.
        asset: The asset that names it.
        route: The route that led to it.
    """

    store: Any
    asset: pystac.Asset
    route: Route


def open_store_of(
    obj: pystac.Asset | pystac.Item | pystac.Collection, *, asset: str | None = None, trust: str | Iterable[str] = ()
) -> StoreOfAsset:
    """The Zarr store behind a document, for those who read chunks rather than arrays.

    Args:
        obj: A pystac Asset, Item or Collection.
        asset: The key of the asset, where the document has several stores.
        trust: Endpoints of S3-compatible services that may see your credentials.

    Raises:
        StorageError: If no route leads to the store; the message names each one and why it failed.
    """
    source = _Source.of(obj, asset, None)
    store, href = _first_open(source, lambda store, **_: store, None, trusted_endpoints(trust))
    routes = asset_routes(source.asset, _schemes(source.asset))
    return StoreOfAsset(store, source.asset, next(route for route in routes if route.href == href))


@dataclass(frozen=True, slots=True)
class _Source:
    """What is to be opened: an asset, the name to call it in errors, the group, and the run to select."""

    asset: pystac.Asset
    name: str
    group: str | None
    run: str | None

    @classmethod
    def of(cls, obj: Any, key: str | None, group: str | None) -> _Source:
        import pystac  # noqa: PLC0415  # see the module docstring

        run = None
        if isinstance(obj, (pystac.Item, pystac.Collection)):
            with _as_stac_says(obj.get_self_href() or obj.id):
                key, asset = data_asset(obj, key)
            run = obj.properties.get("sim:run_id") if isinstance(obj, pystac.Item) else None
        elif isinstance(obj, pystac.Asset):
            asset = obj
        else:
            problem = f"engine 'simstac' opens a pystac Asset, Item or Collection, not a {type(obj).__name__}"
            raise TypeError(f"{problem}; simstac.open takes a path or a URL")
        return cls(asset, _asset_name(asset, key), group, run)


def _first_open[T](
    source: _Source, read: Callable[..., T], version: str | None, trusted: frozenset[str]
) -> tuple[T, str]:
    """What ``read`` makes of the first route that opens, and the route's address."""
    import icechunk  # noqa: PLC0415  # see the module docstring
    from obstore.exceptions import BaseError  # noqa: PLC0415

    asset = source.asset
    if asset_kind(asset) is None:
        raise StorageError(source.name, f"its media type {asset.media_type!r} is neither Icechunk nor Zarr")
    with _as_stac_says(source.name):
        schemes = _schemes(asset)
        routes = asset_routes(asset, schemes)
    failures: list[str] = []
    for route in routes:
        try:
            opened = _open_route(route, source, read, version, schemes, trusted)
        except (icechunk.IcechunkError, BaseError, StorageError, OSError) as error:
            if isinstance(error, icechunk.RepositoryNotFoundError):
                hint = f" ({where})" if (where := _whereabouts(route)) else ""
            else:
                hint = "" if isinstance(error, StorageError) else _hint(route, trusted)
            failures.append(f"{describe(route)}: {_cause(error)}{hint}")
            logger.info("%s: %s", source.name, failures[-1])
            continue
        logger.info("%s: opened by %s", source.name, describe(route))
        return opened, route.href
    raise StorageError(source.name, "no route leads to its store: " + " | ".join(failures))


@contextmanager
def _as_stac_says(where: str) -> Iterator[None]:
    """Turn what a field of another kind than STAC says leads to into an error that names the document."""
    try:
        yield
    except SimstacError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InvalidDocumentError(where, f"has an asset that is not as STAC says ({error})") from error


def _open_route[T](
    route: Route,
    source: _Source,
    read: Callable[..., T],
    version: str | None,
    schemes: dict[str, Any],
    trusted: frozenset[str],
) -> T:
    import zarr  # noqa: PLC0415  # see the module docstring

    from simstac.engine.stores import open_store  # noqa: PLC0415
    from simstac.engine.virtual import declared_containers  # noqa: PLC0415

    asset = source.asset
    kind: Kind = asset_kind(asset) or "zarr"
    containers = declared_containers(asset, schemes) if kind == "icechunk" else ()
    store = open_store(route, kind, asset.extra_fields, version=version, containers=containers, trusted=trusted)
    try:
        return read(store, **_zarr_options(asset, kind))
    except zarr.errors.GroupNotFoundError as error:
        groups = sorted(zarr.open_group(store, mode="r").group_keys()) if kind == "icechunk" else []
        remedy = f"its groups are {', '.join(groups)}" if groups else _whereabouts(route)
        raise StorageError(route.href, f"holds no Zarr group {source.group or '/'!r}", remedy) from error


def _select(dataset: xr.Dataset, run: str | None, href: str) -> xr.Dataset:
    if run is not None and "run" in dataset.dims and "run" in dataset.coords:
        runs = dataset["run"].values.tolist()  # an engine hands over no index yet
        if run not in runs:
            raise StorageError(href, f"holds no run {run!r}", "the catalog and the store are not of one version")
        dataset = dataset.isel(run=runs.index(run))
    dataset = _by_name(dataset)
    dataset.encoding["source"] = href
    return dataset


def _by_name(dataset: xr.Dataset) -> xr.Dataset:
    """The same dataset, its variables in the order of their names: a store lists them in another each time."""
    import xarray as xr  # noqa: PLC0415  # see the module docstring

    variables = {str(name): dataset.variables[name] for name in sorted(dataset.variables, key=str)}
    coords = xr.Coordinates({name: variables[name] for name in variables if name in dataset.coords}, dataset.xindexes)
    data = {name: variable for name, variable in variables.items() if name not in dataset.coords}
    ordered = xr.Dataset(data, coords, dataset.attrs)
    ordered.encoding = dataset.encoding
    ordered.set_close(dataset.close)
    return ordered


def _schemes(asset: pystac.Asset) -> dict[str, Any]:
    """The schemes of the asset's document and, where a reference is not among them, of its Collection."""
    owner = owner_of(asset)
    schemes = declared_schemes(owner)
    link = owner.get_single_link("collection") if owner is not None else None
    if link is None or not missing_refs(asset, schemes):
        return schemes
    import pystac  # noqa: PLC0415  # see the module docstring

    from simstac.engine.documents import follow  # noqa: PLC0415

    collection = follow(link)
    if not isinstance(collection, pystac.Collection):
        return schemes
    return declared_schemes(collection) | schemes


def _zarr_options(asset: pystac.Asset, kind: Kind) -> dict[str, Any]:
    if kind == "icechunk":
        return {"consolidated": False, "zarr_format": 3}
    fields = asset.extra_fields
    options = {name: fields[f"zarr:{name}"] for name in ("consolidated", "zarr_format") if f"zarr:{name}" in fields}
    _, _, parameters = (asset.media_type or "").partition("version=")
    return options | ({"zarr_format": int(parameters[0])} if parameters[:1] in {"2", "3"} else {})


def _asset_name(asset: pystac.Asset, key: str | None) -> str:
    owner = owner_of(asset)
    if owner is None:
        return f"asset {asset.href}"
    key = key or next((name for name, each in owner.assets.items() if each is asset), asset.href)
    where = document_address(asset)
    return f"asset {key!r} of {type(owner).__name__} {owner.id!r}" + (f" ({where})" if where else "")


def _cause(error: Exception) -> str:
    """The error in one line: our clause, or the first line of the library's."""
    if isinstance(error, StorageError):
        return f"{error.problem}; {error.remedy}" if error.remedy else error.problem
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text.strip().partition("\n")[0]


def _hint(route: Route, trusted: frozenset[str]) -> str:
    """Which kind of store it is and what to set, where credentials may be what is missing."""
    scheme = route.scheme
    if route.problem or scheme is None or isinstance(scheme, (Http, LocalPath)):
        return ""
    if scheme.anonymous:
        return f" ({_kind_name(scheme)}, anonymous as its scheme says)"
    if isinstance(scheme, CustomS3) and not ambient_allowed(scheme, trusted):
        endpoint = origin(scheme.endpoint_url)
        return (
            f" ({_kind_name(scheme)}, read anonymously because only the catalog names {endpoint}: "
            f"pass trust=[{endpoint!r}] or set {TRUST_VARIABLE} if it may see your credentials)"
        )
    return f" ({_kind_name(scheme)}: set {_CREDENTIALS[type(scheme)]})"


def _whereabouts(route: Route) -> str:
    """What to check where nothing is found: a service answers alike for a bucket that is not there."""
    if route.scheme is None or isinstance(route.scheme, (Http, LocalPath)):
        return ""
    return f"check that there is {_kind_name(route.scheme)}, and this path in it"


def _kind_name(scheme: AwsS3 | CustomS3 | Gcs | Azure) -> str:
    match scheme:
        case AwsS3():
            return f"aws-s3 in {scheme.region}, bucket {scheme.bucket!r}"
        case CustomS3():
            return f"custom-s3 at {scheme.endpoint_url}, bucket {scheme.bucket!r}"
        case Gcs():
            return f"gcs, bucket {scheme.bucket!r}"
        case Azure():
            return f"ms-azure, container {scheme.container!r} of account {scheme.account!r}"
        case _:
            assert_never(scheme)
