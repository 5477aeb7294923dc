"""AWS MSK IAM: the token with which a Kafka client signs in, a URL that is signed by AWS' own library (Doris).

Owns which ``aws.*`` a job may give, and the tokens. Whose credentials: those that the job brings, itself or for a role
to assume. The machine's own (a profile, the default chain) belong to whoever runs the service; a job gets them only
where the setting ``aws_host_credentials`` says so, for a broker that a job names is shown the token. The library comes
with ``routine-load[aws]`` and is loaded when a job asks for it.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from routine_load.errors import PropertyError

SETTING: Final = "aws_host_credentials"
PREFIX: Final = "aws."
MECHANISM: Final = "OAUTHBEARER"
_SPELLINGS: Final[Mapping[str, str]] = {
    "aws.region": "region",
    "aws.access.key": "access_key",
    "aws.access_key": "access_key",
    "aws.secret.key": "secret_key",
    "aws.secret_key": "secret_key",
    "aws.msk.iam.role.arn": "role",
    "aws.role_arn": "role",
    "aws.profile.name": "profile",
    "aws.profile_name": "profile",
    "aws.credentials.provider": "provider",
    "aws.credentials_provider": "provider",
}
_SHAPES: Final = {
    "region": ("a region such as us-east-1", r"[a-z]{2,4}(-[a-z]{2,16}){1,3}-\d{1,2}"),
    "access_key": ("an access key id", r"[A-Za-z0-9_]{1,128}"),
    "secret_key": ("1 to 1024 printable characters", r"[\x21-\x7e]{1,1024}"),
    "role": ("arn:aws:iam::<account>:role/<name>", r"arn:aws[a-z-]{0,16}:iam::\d{12}:role/[\w+=,.@/-]{1,512}"),
    "profile": ("letters, digits and ._-", r"[A-Za-z0-9._-]{1,128}"),
    "provider": ("DEFAULT", r"(?i:default)"),
}
_PACKAGE: Final = "aws_msk_iam_sasl_signer"
_ROLE_SESSION: Final = "routine-load"
_STS_SECONDS: Final = 5

Token = tuple[str, float]
"""What a Kafka client signs in with, and until when, in seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsLogin:
    """What ``aws.*`` of one job say, in either of Doris' spellings."""

    region: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    role: str = ""
    profile: str = ""
    provider: str = ""

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> AwsLogin | None:
        """None where there are none."""
        given = {
            _SPELLINGS[key]: value.strip() for key, value in properties.items() if key in _SPELLINGS and value.strip()
        }
        return cls(**given) if given else None

    @property
    def is_of_host(self) -> bool:
        """It needs credentials of the machine that the service runs on."""
        return not self.access_key or bool(self.profile) or bool(self.provider)

    def token(self) -> Token:
        """Signed anew at each call. Raises what the library does; its texts name no secret."""
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider as Signer  # noqa: PLC0415 - an extra

        if self.access_key:
            signed = Signer.generate_auth_token_from_credentials_provider(self.region, _provider(self))
        elif self.role:
            signed = Signer.generate_auth_token_from_role_arn(self.region, self.role, _ROLE_SESSION)
        elif self.profile:
            signed = Signer.generate_auth_token_from_profile(self.region, self.profile)
        else:
            signed = Signer.generate_auth_token(self.region)
        token, expires_ms = signed
        return str(token), expires_ms / 1000


def check_aws(properties: Mapping[str, str], *, host_credentials: bool) -> None:
    """Raises PropertyError for ``aws.*`` that cannot be kept; no value of a secret is repeated."""
    for key, value in properties.items():
        if not key.startswith(PREFIX):
            continue
        if key not in _SPELLINGS:
            known = ", ".join(sorted(_SPELLINGS))
            raise PropertyError(f"{key} is not allowed: it is not known here. Allowed are {known}")
        words, pattern = _SHAPES[_SPELLINGS[key]]
        if value.strip() and not re.fullmatch(pattern, value.strip()):
            raise PropertyError(f"The value of {key} is not allowed; allowed is {words}")
    login = AwsLogin.of(properties)
    asked = {properties.get(key, "").upper() for key in ("sasl.mechanism", "sasl.mechanisms")}
    if login is None:
        if MECHANISM in asked:
            raise PropertyError("property.sasl.mechanism OAUTHBEARER is for AWS MSK IAM: it needs aws.region")
        return
    if login.is_of_host and not host_credentials:
        raise PropertyError(
            "AWS MSK IAM without aws.access.key and aws.secret.key, or with a profile or provider, takes those of "
            f"the machine that the service runs on; whoever runs it allows that with the setting {SETTING}"
        )
    if importlib.util.find_spec(_PACKAGE) is None:
        raise PropertyError("AWS MSK IAM needs AWS' signer, which is not installed: pip install 'routine-load[aws]'")


def token_callback(properties: Mapping[str, str]) -> Callable[[str], Token] | None:
    """For the client's ``oauth_cb``: called whenever it needs a token."""
    login = AwsLogin.of(properties)
    if login is None:
        return None
    return lambda _: login.token()


def _provider(login: AwsLogin) -> object:
    """The job's own credentials, or those of the role that they may assume."""
    from botocore.credentials import CredentialProvider, Credentials  # noqa: PLC0415 - an extra

    class Given(CredentialProvider):  # type: ignore[misc] # the library has no types
        def load(self) -> Credentials:
            own = Credentials(login.access_key, login.secret_key)
            return _assumed(login) if login.role else own

    return Given()


def _assumed(login: AwsLogin) -> object:
    import boto3  # noqa: PLC0415 - an extra
    from botocore.config import Config  # noqa: PLC0415 - an extra
    from botocore.credentials import Credentials  # noqa: PLC0415 - an extra

    quick = Config(connect_timeout=_STS_SECONDS, read_timeout=_STS_SECONDS, retries={"max_attempts": 1})
    sts = boto3.client(
        "sts",
        region_name=login.region,
        aws_access_key_id=login.access_key,
        aws_secret_access_key=login.secret_key,
        config=quick,
    )
    found = sts.assume_role(RoleArn=login.role, RoleSessionName=_ROLE_SESSION)["Credentials"]
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
