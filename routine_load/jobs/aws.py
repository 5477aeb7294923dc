"""Doris: AWS MSK IAM among the client properties of a source, in both spellings (Doris: AWS MSK IAM).

Owns the checks that both of Doris' versions make. Refuses to know Kafka clients: whether one can sign in like this.
"""

from __future__ import annotations

from collections.abc import Mapping

from routine_load.errors import PropertyError, UnsupportedFeature

_PREFIX = "aws."
_KEYS = {
    "aws.region": "region",
    "aws.access.key": "key",
    "aws.access_key": "key",
    "aws.secret.key": "secret",
    "aws.secret_key": "secret",
    "aws.msk.iam.role.arn": "role",
    "aws.role_arn": "role",
    "aws.profile.name": "profile",
    "aws.profile_name": "profile",
    "aws.credentials.provider": "provider",
    "aws.credentials_provider": "provider",
}
_CREDENTIALS = ("region", "key", "secret", "role")


def check_aws(client: Mapping[str, str]) -> None:
    """``aws.*`` of a source, without ``property.``. Raises in the vendor's order; in the end it cannot be kept here."""
    given = [key for key in client if key.startswith(_PREFIX)]
    if not given:
        return
    parts = {_KEYS[key] for key in given if key in _KEYS and client[key].strip()}
    if parts & set(_CREDENTIALS):
        _check_signing(client, parts)
    raise UnsupportedFeature(
        "AWS MSK IAM (aws.*) is not supported here: the client would have to fetch tokens; use sasl.mechanism "
        "SCRAM-SHA-512, which MSK offers as well"
    )


def _check_signing(client: Mapping[str, str], parts: set[str]) -> None:
    if "region" not in parts:
        raise PropertyError("When using AWS MSK IAM authentication, 'aws.region' is required")
    for key, wanted in (("security.protocol", "SASL_SSL"), ("sasl.mechanism", "OAUTHBEARER")):
        found = client.get(key, "")
        if found.upper() != wanted:
            must = f"'{key}' must be '{wanted}', but found '{found}'"
            raise PropertyError(f"When using AWS MSK IAM authentication, {must}")
    if ("key" in parts) != ("secret" in parts):
        raise PropertyError("both 'aws.access.key' and 'aws.secret.key' must be provided together")
