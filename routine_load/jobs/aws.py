"""Doris: AWS MSK IAM among the client properties of a source, in both spellings (Doris: AWS MSK IAM).

Owns the checks that both of Doris' versions make. Refuses to know Kafka clients: whether one can sign in like this.
"""

from __future__ import annotations

from collections.abc import Mapping

from routine_load.errors import PropertyError

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


def check_aws(client: Mapping[str, str]) -> None:
    """``aws.*`` of a source, without ``property.``. Raises in the vendor's order."""
    parts = {_KEYS[key] for key, value in client.items() if key in _KEYS and value.strip()}
    if not parts:
        return
    if "region" not in parts:
        raise PropertyError("When using AWS MSK IAM authentication, 'aws.region' is required")
    for key, wanted in (("security.protocol", "SASL_SSL"), ("sasl.mechanism", "OAUTHBEARER")):
        found = client.get(key, "")
        if found.upper() != wanted:
            must = f"'{key}' must be '{wanted}', but found '{found}'"
            raise PropertyError(f"When using AWS MSK IAM authentication, {must}")
    if ("key" in parts) != ("secret" in parts):
        raise PropertyError("both 'aws.access.key' and 'aws.secret.key' must be provided together")
