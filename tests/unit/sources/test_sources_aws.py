"""AWS MSK IAM: which aws.* a job may give, and that the token is a URL signed as AWS says (Signature Version 4)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from routine_load.errors import PropertyError
from routine_load.sources.aws import AwsLogin, check_aws, token_callback
from routine_load.sources.connections import client_settings
from routine_load.sources.policy import KafkaPropertyPolicy
from routine_load.tasks.ports import KafkaSpec

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
GIVEN = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "OAUTHBEARER",
    "aws.region": "eu-central-1",
    "aws.access.key": KEY,
    "aws.secret.key": SECRET,
}


def signature(url: str, secret: str) -> str:
    """Signature Version 4 of a presigned URL, worked out step by step from AWS' description."""
    parts = urlsplit(url)
    fields = dict(parse_qsl(parts.query))
    day, region, service, _ = fields["X-Amz-Credential"].split("/", 1)[1].split("/")
    signed = {key: value for key, value in fields.items() if key not in {"X-Amz-Signature", "User-Agent"}}
    query = "&".join(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in sorted(signed.items()))
    request = "\n".join(["GET", "/", query, f"host:{parts.netloc}", "", "host", hashlib.sha256(b"").hexdigest()])
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", fields["X-Amz-Date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    key = b"AWS4" + secret.encode()
    for each in (day, region, service, "aws4_request"):
        key = hmac.new(key, each.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def url_of(token: str) -> str:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()


@pytest.mark.parametrize("spelling", [("aws.access.key", "aws.secret.key"), ("aws.access_key", "aws.secret_key")])
def test_the_token_is_a_url_signed_with_the_job_s_own_key(spelling):
    """AWS: kafka-cluster:Connect, fifteen minutes, Base64 without padding; the secret is not in it."""
    given = {"aws.region": "eu-central-1", spelling[0]: KEY, spelling[1]: SECRET}
    callback = token_callback(given)
    token, until = callback("")
    assert 890 <= until - time.time() <= 901
    url = url_of(token)
    parts, fields = urlsplit(url), dict(parse_qsl(urlsplit(url).query))
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "kafka.eu-central-1.amazonaws.com", "/")
    assert fields["Action"] == "kafka-cluster:Connect"
    assert fields["X-Amz-Expires"] == "900"
    assert fields["X-Amz-Credential"].startswith(f"{KEY}/")
    assert fields["X-Amz-Signature"] == signature(url, SECRET)
    assert fields["X-Amz-Signature"] != signature(url, SECRET + "x")
    assert SECRET not in token + url


def test_the_client_gets_tokens_and_no_aws_property():
    """librdkafka knows no aws.*; both consumers and admin clients get the callback."""
    settings = client_settings(KafkaSpec(brokers="b:1", topic="t", properties=tuple(GIVEN.items())), {}, {})
    assert callable(settings["oauth_cb"])
    assert settings["sasl.mechanism"] == "OAUTHBEARER"
    assert not [key for key in settings if key.startswith("aws.")]
    assert SECRET not in repr(AwsLogin.of(GIVEN))


def test_a_profile_is_the_machine_s(tmp_path, monkeypatch):
    """Ours: the machine's credentials are for jobs only where whoever runs the service allows it."""
    given = GIVEN | {"aws.access.key": "", "aws.secret.key": "", "aws.profile.name": "night"}
    with pytest.raises(PropertyError, match="with the setting aws_host_credentials"):
        check_aws(given, host_credentials=False)
    check_aws(given, host_credentials=True)
    (tmp_path / "credentials").write_text(f"[night]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    url = url_of(AwsLogin.of(given).token()[0])
    assert dict(parse_qsl(urlsplit(url).query))["X-Amz-Signature"] == signature(url, SECRET)


ROLE = "arn:aws:iam::123456789012:role/loader"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aws.region": "evil.example/"}, "aws.region is not allowed; allowed is a region"),
        ({"aws.role_arn": "role"}, "aws.role_arn is not allowed; allowed is arn:aws"),
        ({"aws.profile_name": "../x"}, "aws.profile_name is not allowed"),
        ({"aws.credentials_provider": "ENV"}, "aws.credentials_provider is not allowed; allowed is DEFAULT"),
        ({"aws.other": "x"}, "aws.other is not allowed: it is not known here. Allowed are aws.access.key"),
        ({"aws.access.key": "", "aws.secret.key": "", "aws.role_arn": ROLE}, "with the setting aws_host_credentials"),
        ({"aws.credentials.provider": "DEFAULT"}, "with the setting aws_host_credentials"),
        ({"aws.secret.key": "two words"}, "aws.secret.key is not allowed; allowed is 1 to 1024 printable"),
    ],
)
def test_what_a_job_may_not_give(changes, words):
    """The property, what is allowed, and never a secret."""
    with pytest.raises(PropertyError, match=words) as refused:
        KafkaPropertyPolicy(resolve=lambda _: []).check(GIVEN | changes)
    assert SECRET not in str(refused.value)
    assert "two words" not in str(refused.value)


def test_a_role_is_assumed_with_the_job_s_own_key():
    """Both spellings of a role may stand beside a key."""
    KafkaPropertyPolicy(resolve=lambda _: []).check(GIVEN | {"aws.msk.iam.role.arn": ROLE})
    assert AwsLogin.of(GIVEN | {"aws.role_arn": ROLE}).role == ROLE


def test_oauthbearer_is_for_msk_alone():
    """Ours: no other tokens can be had, as a client that fetches them would open any address."""
    with pytest.raises(
        PropertyError, match=r"property\.sasl\.mechanism OAUTHBEARER is for AWS MSK IAM: it needs aws\.region"
    ):
        KafkaPropertyPolicy(resolve=lambda _: []).check({"sasl.mechanism": "OAUTHBEARER"})
