"""Objects of the static endpoint."""

import pytest

from chalicelib.aws.static_site import S3StaticSite
from chalicelib.model.outcome import Malfunction
from chalicelib.model.reasons import MalfunctionReason


@pytest.fixture
def s3(client):
    made = client("s3")
    made.create_bucket(Bucket="static", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return made


def test_an_object_is_what_a_relying_party_fetches(s3):
    site = S3StaticSite(client=s3, bucket="static")
    for body in (b"{}", b'{"keys":[]}'):
        site.publish(
            path="/.well-known/jwks.json",
            body=body,
            content_type="application/json",
            cache_control="public, max-age=300",
        )
    found = s3.get_object(Bucket="static", Key=".well-known/jwks.json")
    assert found["Body"].read() == b'{"keys":[]}'
    assert (found["ContentType"], found["CacheControl"]) == ("application/json", "public, max-age=300")


def test_a_bucket_that_is_not_there_is_a_malfunction(s3):
    site = S3StaticSite(client=s3, bucket="elsewhere")
    with pytest.raises(Malfunction) as raised:
        site.publish(path="/x", body=b"{}", content_type="application/json", cache_control="no-store")
    assert raised.value.reason is MalfunctionReason.STORE_UNAVAILABLE
