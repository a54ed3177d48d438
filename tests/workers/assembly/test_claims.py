"""Claims are fetched by whoever knows their scheme, as far as the settings allow."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from pipeline.errors import ItemError, Reason, SettingsError
from pipeline.wire import Claim
from tests.services import stores
from tests.services.stores import small_store
from workers import assembly
from workers.settings import load_settings


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("https://store.example/a", "fetch_allowed_hosts"),
        ("s3://images/a", "fetch_allowed_stores"),
        ("file:///etc/hostname", "fetch_allowed_stores"),
        ("ftp://store.example/a", "scheme"),
        ("", "scheme"),
    ],
)
def test_without_settings_nothing_is_fetched_and_the_setting_is_named(uri: str, says: str) -> None:
    with (
        closing(assembly.claim_fetcher(load_settings({}))) as fetcher,
        pytest.raises(ItemError, match=says) as caught,
    ):
        fetcher.fetch(Claim(uri))
    assert caught.value.reason is Reason.FETCH_REFUSED


def test_each_claim_goes_to_what_knows_its_scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores.enter(monkeypatch)
    (tmp_path / "a").write_bytes(b"of the folder")
    with small_store() as store:
        store.objects |= {"/images/a": b"of the bucket", "/a": b"of the host", "/acc/images/a": b"of the container"}
        host = store.endpoint.partition("://")[2]
        settings = load_settings(
            {
                "fetch_allowed_hosts": host,
                "fetch_allow_http": True,
                "fetch_allow_private": True,
                "fetch_allowed_stores": f"s3://images,gs://images,az://images,{tmp_path.as_uri()}",
                "fetch_s3_endpoint": store.endpoint,
                "fetch_s3_region": "eu-central-1",
                "fetch_gcs_endpoint": store.endpoint,
                "fetch_azure_account": "acc",
                "fetch_azure_endpoint": f"{store.endpoint}/acc",
            }
        )
        uris = [f"http://{host}/a", "s3://images/a", "gs://images/a", "az://images/a", f"{tmp_path.as_uri()}/a"]
        with closing(assembly.claim_fetcher(settings)) as fetcher:
            fetched = [fetcher.fetch(Claim(uri)) for uri in uris]
    assert fetched == [b"of the host", b"of the bucket", b"of the bucket", b"of the container", b"of the folder"]


def test_certificates_that_cannot_be_read_are_said_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.enter(monkeypatch)
    settings = load_settings({"fetch_allowed_stores": "s3://images", "fetch_cafile": tmp_path / "none.pem"})
    with pytest.raises(SettingsError, match=r"fetch_cafile: .*none.pem cannot be read"):
        assembly.claim_fetcher(settings)
