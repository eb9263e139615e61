"""Credentials from the usual AWS chain: a profile, the environment, an instance's role; never from a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from simstac.errors import StorageError
from simstac.storage import KeySource, S3Keys

if TYPE_CHECKING:
    import boto3

LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class ProfileKeys:
    """A picklable source of the keys of a profile.

    Attributes:
        profile: The profile's name in the AWS configuration; None for the chain's first.
    """

    profile: str | None = None

    @property
    def region(self) -> str | None:
        """The region that the profile or the environment names."""
        return session_of(self.profile).region_name

    @property
    def endpoint_url(self) -> str | None:
        """The endpoint that the profile names; None for Amazon's."""
        import botocore.session  # noqa: PLC0415  # half a second that only S3 needs

        session_of(self.profile)
        named = botocore.session.Session(profile=self.profile).get_scoped_config().get("endpoint_url")
        return str(named) if named else None

    def __call__(self) -> S3Keys:
        """The keys, as of now.

        Raises:
            StorageError: If the chain has none.
        """
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415  # half a second that only S3 needs

        session = session_of(self.profile)
        try:
            frozen = credentials_of(session).get_frozen_credentials()
        except BotoCoreError as error:
            raise _refused(session, error) from error
        return S3Keys(
            access_key_id=frozen.access_key,
            secret_access_key=frozen.secret_key,
            session_token=frozen.token,
            expires_after=datetime.now(UTC) + LIFETIME,
        )


def key_source(profile: str | None) -> KeySource:
    """The keys of a profile, for `simstac.storage.icechunk_storage`."""
    return ProfileKeys(profile)


def session_of(profile: str | None) -> boto3.session.Session:
    """A boto3 session.

    Raises:
        StorageError: If there is no such profile.
    """
    import boto3.session  # noqa: PLC0415  # as above
    from botocore.exceptions import ProfileNotFound  # noqa: PLC0415  # as above

    try:
        return boto3.session.Session(profile_name=profile)
    except ProfileNotFound as error:
        raise StorageError(
            f"profile {profile}", "is not in the AWS configuration", "see aws configure list-profiles"
        ) from error


def credentials_of(session: boto3.session.Session) -> Any:
    """The renewing credentials of a session, as botocore has them.

    Raises:
        StorageError: If the chain has none, or cannot renew them.
    """
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415  # as above

    try:
        found = session.get_credentials()
    except BotoCoreError as error:
        raise _refused(session, error) from error
    if found is None:
        raise StorageError(
            f"profile {session.profile_name}",
            "has no credentials",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile",
        )
    return found


def _refused(session: boto3.session.Session, error: Exception) -> StorageError:
    name = f"profile {session.profile_name}"
    return StorageError(name, f"its credentials cannot be had ({type(error).__name__})", "log in again")
