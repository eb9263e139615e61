"""`Project`: the configuration of a catalog, its collections and its targets, read from YAML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from simstac.stac.metadata import About, CatalogMetadata, Metadata, Overrides

_FOREIGN = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:@/-]")


def _without_secret(url: str) -> str:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError("holds a user name or password: leave it out, credentials come from the usual AWS chain")
    return url


def _web_address(url: str) -> str:
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise ValueError("is not an http(s) address")
    return _without_secret(url).rstrip("/")


def _bucket_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError("is not of the form s3://bucket/prefix")
    if foreign := _FOREIGN.search(_without_secret(url)):
        raise ValueError(f"holds {foreign[0]!r}, which no address may hold as it is: choose another prefix")
    return url.rstrip("/")


type WebUrl = Annotated[str, AfterValidator(_web_address)]
type BucketUrl = Annotated[str, AfterValidator(_bucket_address)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Source(_Model):
    """Where the results of a collection are, and the xarray engine that reads them."""

    engine: str = "energyplus"
    """Name of an xarray engine that reads one run."""
    path: str
    """Folder or glob of the runs, relative to the configuration's folder."""
    parameters: str | None = None
    """Table of the runs' parameters (CSV or Parquet), its first column the run names."""


class Store(_Model):
    """Where the Icechunk store of a collection is written."""

    url: str | None = None
    """``s3://bucket/prefix`` or a folder; by default ``<site>/data/<collection>.icechunk``."""
    endpoint_url: WebUrl | None = None
    """Endpoint of an S3-compatible service; leave out for Amazon S3."""
    region: str | None = None
    """Region of the bucket; ``auto`` on Cloudflare R2."""
    anonymous: bool = False
    """Whether readers need no credentials."""
    profile: str | None = None
    """Profile of the AWS configuration that may write."""
    chunks: dict[str, Annotated[int, Field(gt=0)]] = {}
    """Chunk lengths by dimension, for example ``{run: 16}``; chosen by size where left out."""

    @model_validator(mode="after")
    def _s3_settings_need_a_bucket(self) -> Store:
        if self.url is None or not self.url.startswith("s3://"):
            given = [name for name in ("endpoint_url", "region", "profile") if getattr(self, name)]
            if given:
                raise ValueError(f"{given[0]} is of use only with url: s3://bucket/prefix")
        else:
            _bucket_address(self.url)
        return self


class Collection(About):
    """One collection of the catalog: what it is about, its source and its store."""

    metadata: Overrides = Overrides()
    """What the data cannot say by itself, or says ambiguously: bbox, datetime, names of coordinates."""
    source: Source
    store: Store = Store()

    @field_validator("id")
    @classmethod
    def _is_no_folder_of_the_site(cls, value: str) -> str:
        if value in {"data", "catalog.json"}:
            raise ValueError(f"{value!r} has its own meaning in a site: choose another id")
        return value

    def described(self) -> Metadata:
        """All that the STAC documents say of it."""
        about = {name: getattr(self, name) for name in About.model_fields}
        return Metadata(**about, **self.metadata.model_dump())


class Catalog(CatalogMetadata):
    """The root of the site."""

    public_url: WebUrl | None = None
    """Where the site will be read; leave out while it is local."""
    site: Path = Path("site")
    """Folder that the site is built in, relative to the configuration's folder."""


class S3Target(_Model):
    """A bucket on S3, R2, MinIO, SeaweedFS or Ceph."""

    type: Literal["s3"]
    url: BucketUrl
    endpoint_url: WebUrl | None = None
    region: str | None = None
    profile: str | None = None


class GitTarget(_Model):
    """A folder in a clone, as GitHub Pages serves it."""

    type: Literal["git"]
    clone: Path
    prefix: str = ""
    push: bool = False


class LocalTarget(_Model):
    """A folder on this machine."""

    type: Literal["local"]
    path: Path


type TargetConfig = Annotated[S3Target | GitTarget | LocalTarget, Field(discriminator="type")]


class Project(_Model):
    """A configuration: a catalog, its collections, and where they are published."""

    catalog: Catalog
    collections: Annotated[tuple[Collection, ...], Field(min_length=1)]
    targets: tuple[TargetConfig, ...] = ()
    file: Annotated[Path, Field(exclude=True)] = Path("simstac.yaml")
    """The configuration's own path; set by loading, not in the file."""

    @model_validator(mode="after")
    def _collections_differ(self) -> Project:
        seen: set[str] = set()
        for collection in self.collections:
            if collection.id in seen:
                raise ValueError(f"collections: id {collection.id!r} is there twice")
            seen.add(collection.id)
        return self

    @property
    def folder(self) -> Path:
        """Folder that relative paths start from."""
        return self.file.parent

    @property
    def site(self) -> Path:
        """Folder that the site is built in."""
        return self.folder / self.catalog.site


def json_schema() -> dict[str, Any]:
    """JSON Schema of a configuration file, for editors."""
    schema = Project.model_json_schema()
    del schema["properties"]["file"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "simstac configuration"}
