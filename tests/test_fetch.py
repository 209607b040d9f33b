import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_server import Page, Site, serve

from lineup.errors import LineupError
from lineup.sources.fetch import Remote, fetch

BODY = b"the official bytes" * 1000


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as running:
        yield running


@pytest.fixture
def remote(site: Site, monkeypatch: pytest.MonkeyPatch) -> Remote:
    monkeypatch.delenv("LINEUP_MIRROR", raising=False)
    site.pages["/official/some-set.tar.gz"] = Page(BODY)
    checksum = hashlib.sha256(BODY).hexdigest()
    return Remote(f"{site.url}/official/some-set.tar.gz", len(BODY), "sha256", checksum)


def test_the_official_file_is_proven_by_its_checksum(remote: Remote, tmp_path: Path) -> None:
    archive = fetch(remote, tmp_path)
    assert (archive.path.read_bytes(), archive.proven, archive.temporary) == (BODY, True, True)


def test_wrong_bytes_are_named_and_removed_and_the_next_try_starts_clean(
    remote: Remote, site: Site, tmp_path: Path
) -> None:
    wrong = BODY.replace(b"official", b"offical_")
    site.pages["/official/some-set.tar.gz"].body = wrong
    found = hashlib.sha256(wrong).hexdigest()
    with pytest.raises(LineupError, match=f"SHA256 {found}; expected {remote.checksum}; fix: "):
        fetch(remote, tmp_path)
    assert list(tmp_path.iterdir()) == []
    site.pages["/official/some-set.tar.gz"].body = BODY
    assert fetch(remote, tmp_path).path.read_bytes() == BODY


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2"])
def test_a_mirror_folder_is_asked_first_and_left_alone(
    remote: Remote, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    mirrored = tmp_path / f"some-set{ending}"
    mirrored.write_bytes(b"mirrored")
    monkeypatch.setenv("LINEUP_MIRROR", str(tmp_path))
    archive = fetch(remote, tmp_path / "downloads")
    archive.discard()
    assert (archive.path, archive.proven) == (mirrored, False)
    assert mirrored.exists()
    assert site.requests == []


@pytest.mark.parametrize("absent", [404, 403])
def test_a_mirror_address_is_asked_for_every_ending_and_then_the_official_page(
    remote: Remote, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: int
) -> None:
    monkeypatch.setenv("LINEUP_MIRROR", f"{site.url}/mirror/")
    site.pages["/mirror/some-set.tar"] = Page(b"<html>no", absent, {"Content-Type": "text/html"})
    site.pages["/mirror/some-set.tar.xz"] = Page(b"mirrored")
    archive = fetch(remote, tmp_path)
    assert (archive.path.read_bytes(), archive.proven, archive.temporary) == (b"mirrored", False, True)
    archive.discard()
    assert list(tmp_path.iterdir()) == []
    del site.pages["/mirror/some-set.tar.xz"]
    assert fetch(remote, tmp_path).proven


def test_an_empty_mirror_folder_leads_to_the_official_page(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEUP_MIRROR", str(tmp_path))
    assert fetch(remote, tmp_path / "downloads").proven


def test_a_mirror_that_is_nowhere_is_refused(
    remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEUP_MIRROR", str(tmp_path / "gone"))
    with pytest.raises(LineupError, match=r"LINEUP_MIRROR: no folder .*gone; expected a folder or a URL"):
        fetch(remote, tmp_path)


def test_parts_of_two_addresses_are_never_mixed(
    remote: Remote, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEUP_MIRROR", f"{site.url}/mirror")
    site.pages["/mirror/some-set.tar.gz"] = Page(b"mirrored")
    mirrored = fetch(remote, tmp_path)
    monkeypatch.delenv("LINEUP_MIRROR")
    assert fetch(remote, tmp_path).path != mirrored.path
