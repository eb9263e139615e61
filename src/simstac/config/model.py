"""`Project`: the configuration of a catalog, its collections and its targets, read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from simstac.config.fields import (
    BucketPrefix,
    ClonePrefix,
    HomePath,
    Model,
    PathOrUrl,
    WebUrl,
    bucket_address,
    refuse_anonymous_r2,
)
from simstac.config.sources import IcechunkSource, ScytheSource, Source
from simstac.stac.metadata import About, CatalogMetadata, Metadata, Overrides


class Store(Model):
    """Where the Icechunk store of a collection is written."""

    url: PathOrUrl | None = None
    """``s3://bucket/prefix`` or a folder; by default ``<site>/data/<collection>.icechunk``."""
    endpoint_url: WebUrl | None = None
    """Endpoint of an S3-compatible service; leave out for Amazon S3."""
    region: str | None = None
    """Region of the bucket; ``auto`` on Cloudflare R2."""
    anonymous: bool = False
    """Whether readers need no credentials."""
    profile: str | None = None
    """Profile of the AWS configuration that may write."""
    chunks: dict[str, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    """Chunk lengths by dimension, for example ``{run: 16}``; chosen by size where left out."""

    @model_validator(mode="after")
    def _url_can_be_written_and_settings_need_a_bucket(self) -> Store:
        if self.url is None or not self.url.startswith("s3://"):
            given = [name for name in ("endpoint_url", "region", "profile") if getattr(self, name)]
            if given:
                raise ValueError(f"{given[0]} is of use only with url: s3://bucket/prefix")
        else:
            bucket_address(self.url)
        if self.url is not None and self.url.startswith(("http://", "https://")):
            raise ValueError(
                "url: the web is read only: write to s3://bucket/prefix, and say public_url where it is read"
            )
        return self

    @model_validator(mode="after")
    def _somebody_can_read_it(self) -> Store:
        refuse_anonymous_r2(self.endpoint_url, anonymous=self.anonymous)
        return self


class Versions(Model):
    """Which released versions of a collection the catalog lists."""

    keep: int | None = Field(default=None, ge=1)
    """How many, the newest first; all where left out. The others stay in the store until it is expired."""


class Collection(About):
    """One collection of the catalog: what it is about, its source and its store."""

    metadata: Overrides = Overrides()
    """What the data cannot say by itself, or says ambiguously: bbox, datetime, names of coordinates."""
    source: Source
    store: Store = Store()
    versions: Versions = Versions()
    """Which released versions the catalog lists, such as ``{keep: 30}`` for a dataset that grows every hour."""

    @field_validator("id")
    @classmethod
    def _is_no_folder_of_the_site(cls, value: str) -> str:
        if value in {"data", "catalog.json"}:
            raise ValueError(f"{value!r} has its own meaning in a site: choose another id")
        return value

    @model_validator(mode="after")
    def _existing_stores_are_not_written(self) -> Collection:
        if isinstance(self.source, IcechunkSource) and self.store != Store():
            raise ValueError("store: these stores are there already, and nothing is written: leave it out")
        return self

    @model_validator(mode="after")
    def _versions_are_of_one_store(self) -> Collection:
        if isinstance(self.source, IcechunkSource | ScytheSource) and self.versions != Versions():
            raise ValueError(
                "versions: each Item is another store or another run, all of which are listed: leave it out"
            )
        return self

    def described(self) -> Metadata:
        """All that the STAC documents say of it."""
        about = {name: getattr(self, name) for name in About.model_fields}
        return Metadata(**about, **self.metadata.model_dump())


class Catalog(CatalogMetadata):
    """The root of the site."""

    public_url: WebUrl | None = None
    """Where the site will be read; leave out while it is local."""
    site: HomePath = Path("site")
    """Folder that the site is built in, relative to the configuration's folder."""


class S3Target(Model):
    """A bucket on S3, R2, MinIO, SeaweedFS or Ceph."""

    type: Literal["s3"]
    url: BucketPrefix
    """``s3://bucket/prefix``, the folder that the catalog is published to."""
    endpoint_url: WebUrl | None = None
    """Endpoint of an S3-compatible service; leave out for Amazon S3."""
    region: str | None = None
    """Region of the bucket; ``auto`` on Cloudflare R2."""
    profile: str | None = None
    """Profile of the AWS configuration that may write."""
    anonymous: bool = False
    """Whether everybody may read the bucket by S3 without credentials; documents say so, and readers then use none."""

    @model_validator(mode="after")
    def _somebody_can_read_it(self) -> S3Target:
        refuse_anonymous_r2(self.endpoint_url, anonymous=self.anonymous)
        return self


class GitTarget(Model):
    """A folder in a clone, as GitHub Pages serves it."""

    type: Literal["git"]
    clone: HomePath
    """The clone, relative to the configuration's folder."""
    prefix: ClonePrefix = ""
    """Folder in the clone that the catalog is published to; its top folder where left out."""
    push: bool = False
    """Whether the commit is pushed."""


class LocalTarget(Model):
    """A folder on this machine."""

    type: Literal["local"]
    path: HomePath
    """The folder, relative to the configuration's folder."""


type TargetConfig = Annotated[S3Target | GitTarget | LocalTarget, Field(discriminator="type")]


class Project(Model):
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
