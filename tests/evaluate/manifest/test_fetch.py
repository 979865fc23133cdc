"""Tests of how a model's files are found, downloaded, kept and verified."""

import hashlib
import logging
import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ngc.errors import ManifestError
from ngc.evaluate.manifest import Manifest, ModelFiles, fetch_labels, fetch_model, load_manifest
from ngc.evaluate.manifest import cache as cache_module
from ngc.evaluate.manifest import download as download_module
from tests.evaluate.manifest.samples import changed, write

SYMBOL, PARAMS = b'{"nodes": []}', bytes(range(256)) * 1000


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def manifest_of(tmp_path: Path, labels: str = "", **model: Any) -> Manifest:
    """Returns a manifest with these fields of `model`, and features_url."""
    data = changed("model", {"graph_path": "m-symbol.json", "weights_path": "m-0000.params", **model})
    if labels:
        data["output"]["parameters"]["features_url"] = labels
    return load_manifest(write(tmp_path / "m.yml", data))


def put(folder: Path, symbol: bytes = SYMBOL, params: bytes = PARAMS) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "m-symbol.json").write_bytes(symbol)
    (folder / "m-0000.params").write_bytes(params)
    return folder


def serve(site: Any) -> None:
    site.files |= {"/net/m-symbol.json": SYMBOL, "/net/m-0000.params": PARAMS}


def contents(files: ModelFiles) -> tuple[bytes, bytes]:
    return files.symbol.read_bytes(), files.params.read_bytes()


def said(tmp_path: Path, manifest: Manifest, **options: Any) -> str:
    """Returns what is said when the files cannot be had, without the manifest's path."""
    with pytest.raises(ManifestError) as raised:
        fetch_model(manifest, **options)
    return str(raised.value).replace(f"{tmp_path}/", "").removeprefix("m.yml: ")


def kept(tmp_path: Path) -> list[str]:
    """Returns the names of the files in the cache, besides locks."""
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".lock")


@pytest.mark.parametrize("base", ["files", "./files/", "{tmp}/files", "file:files", "file:{tmp}/files", "file://{tmp}/files", "file://localhost{tmp}/files"])
def test_files_of_this_machine(tmp_path, base):
    put(tmp_path / "files")
    files = fetch_model(manifest_of(tmp_path, base_url=base.format(tmp=tmp_path)))
    assert contents(files) == (SYMBOL, PARAMS)
    assert files.labels == ()
    assert kept(tmp_path) == []


def test_files_beside_the_manifest(tmp_path):
    put(tmp_path)
    assert contents(fetch_model(manifest_of(tmp_path))) == (SYMBOL, PARAMS)


def test_the_digest_is_that_of_the_contents(tmp_path):
    first = fetch_model(manifest_of(tmp_path, base_url=str(put(tmp_path / "a")))).digest
    assert fetch_model(manifest_of(tmp_path, base_url=str(put(tmp_path / "b")))).digest == first
    assert fetch_model(manifest_of(tmp_path, base_url=str(put(tmp_path / "c", params=PARAMS[1:])))).digest != first


def test_a_saved_executable_is_both_files(tmp_path):
    (tmp_path / "m.ngc").write_bytes(b"x")
    manifest = load_manifest(write(tmp_path / "m.yml", changed("model", {"graph_path": "m.ngc"})))
    files = fetch_model(manifest)
    assert files.symbol == files.params == tmp_path / "m.ngc"


def test_missing_files_are_told(tmp_path):
    hint = "; --model_dir names another folder that has the files"
    assert said(tmp_path, manifest_of(tmp_path, base_url="files")) == f"model.graph_path: files/m-symbol.json: no such file{hint}"
    (tmp_path / "m-symbol.json").mkdir()
    assert said(tmp_path, manifest_of(tmp_path)) == f"model.graph_path: m-symbol.json: not a file{hint}"


@pytest.mark.parametrize(("base", "expected"), [
    ("s3://bucket/model", "s3://bucket/model: addresses of s3: cannot be read; http:, https:, file: and paths can"),
    ("file://there/model", "file://there/model: a file on the machine there; expected file:///path"),
    ("http:///model", "http:///model: not an address; it names no host"),
    ("http://[::1/model", "http://[::1/model: not an address; it names no host"),
])  # fmt: skip
def test_addresses_that_cannot_be_read_are_told(tmp_path, base, expected):
    assert said(tmp_path, manifest_of(tmp_path, base_url=base)) == f"model.graph_path: {expected}"


@pytest.mark.parametrize("digest", [md5, sha256])
def test_checksums_are_verified(tmp_path, digest):
    put(tmp_path / "files")
    right = {"base_url": "files", "graph_checksum": digest(SYMBOL).upper(), "weights_checksum": digest(PARAMS)}
    assert contents(fetch_model(manifest_of(tmp_path, **right))) == (SYMBOL, PARAMS)
    wrong = digest(b"else")
    expected = (f"model.weights_path: files/m-0000.params: its {digest.__name__.upper()} checksum is {digest(PARAMS)}, but the manifest says {wrong}: "
                "the file is damaged, or another one")
    assert said(tmp_path, manifest_of(tmp_path, **right | {"weights_checksum": wrong})) == expected
    assert said(tmp_path, manifest_of(tmp_path, **right | {"weights_checksum": wrong}), model_dir=tmp_path / "files") == expected


def test_model_dir_has_the_files_instead(tmp_path):
    folder = put(tmp_path / "mine")
    assert contents(fetch_model(manifest_of(tmp_path, base_url="http://127.0.0.1:9/nothing"), model_dir=folder)) == (SYMBOL, PARAMS)
    addresses = manifest_of(tmp_path, graph_path="http://127.0.0.1:9/a/m-symbol.json?version=1", weights_path="net/m-0000.params")
    assert contents(fetch_model(addresses, model_dir=str(folder))) == (SYMBOL, PARAMS)
    archive = manifest_of(tmp_path, base_url="http://127.0.0.1:9/a.zip", is_archive=True)
    assert contents(fetch_model(archive, model_dir=folder)) == (SYMBOL, PARAMS)


def test_a_model_dir_without_the_files_is_told(tmp_path):
    hint = "; --model_dir names another folder that has the files"
    (tmp_path / "mine").mkdir()
    manifest = manifest_of(tmp_path)
    assert said(tmp_path, manifest, model_dir=tmp_path / "none") == f"model.graph_path: --model_dir=none: no such folder{hint}"
    assert said(tmp_path, manifest, model_dir=tmp_path / "mine") == f"model.graph_path: --model_dir=mine: has no file m-symbol.json; there is nothing{hint}"
    put(tmp_path / "mine")
    (tmp_path / "mine" / "m-symbol.json").rename(tmp_path / "mine" / "other.json")
    assert "there is m-0000.params, other.json" in said(tmp_path, manifest, model_dir=tmp_path / "mine")


def test_models_of_mxnets_zoo_say_how_to_get_them(tmp_path):
    data = changed("model", {"graph_path": "model-symbol.json", "weights_path": "model-0000.params"})
    data["attributes"]["gluon_zoo"] = "resnet50_v1"
    text = said(tmp_path, load_manifest(write(tmp_path / "m.yml", data)))
    assert text == """model.graph_path: model-symbol.json: no such file
MXNet has the model in its zoo and can write the files into a folder, which is then given as --model_dir=FOLDER (needs ngc[mxnet] and a network):
  python -c "from ngc.importer.mxnet_live import import_mxnet; mx = import_mxnet(); net = mx.gluon.model_zoo.vision.get_model('resnet50_v1', """ \
        """pretrained=True); net.hybridize(); net(mx.nd.zeros((1, 3, 32, 48))); net.export('FOLDER/model')\""""


def test_downloads_are_kept(tmp_path, site):
    serve(site)
    manifest = manifest_of(tmp_path, base_url=f"{site.address}/net/")
    assert contents(fetch_model(manifest)) == (SYMBOL, PARAMS)
    assert fetch_model(manifest).symbol.is_relative_to(tmp_path / "cache" / "models")
    assert site.requests == ["/net/m-symbol.json", "/net/m-0000.params"]
    assert kept(tmp_path) == ["m-0000.params", "m-0000.params.sha256", "m-symbol.json", "m-symbol.json.sha256"]


def test_redirections_are_followed(tmp_path, site):
    serve(site)
    site.moved["/old/m-symbol.json"] = "/net/m-symbol.json"
    site.moved["/old/m-0000.params"] = f"{site.address}/net/m-0000.params"
    assert contents(fetch_model(manifest_of(tmp_path, base_url=f"{site.address}/old"))) == (SYMBOL, PARAMS)
    site.moved["/old/m-symbol.json"] = "/old/m-symbol.json"
    again = manifest_of(tmp_path, graph_path=f"{site.address}/old/m-symbol.json?again")
    site.moved["/old/m-symbol.json?again"] = "/old/m-symbol.json"
    assert "cannot be downloaded: Exceeded 30 redirects" in said(tmp_path, again)


def test_progress_is_told(tmp_path, site, monkeypatch):
    serve(site)
    monkeypatch.setattr(download_module, "_CHUNK", 100_000)
    told: list[tuple[str, int, int]] = []
    fetch_model(manifest_of(tmp_path, base_url=f"{site.address}/net"), progress=lambda *what: told.append(what))
    url = f"{site.address}/net/m-0000.params"
    assert [what for what in told if what[0] == url and what[1] < len(PARAMS)] == [(url, 100_000, len(PARAMS)), (url, 200_000, len(PARAMS))]
    assert told[-1] == (url, len(PARAMS), len(PARAMS))


def test_what_a_server_lacks_is_told(tmp_path, site):
    site.files["/net/m-symbol.json"] = SYMBOL
    expected = f"model.weights_path: {site.address}/net/m-0000.params: the server answers 404 Not Found; --model_dir names another folder that has the files"
    assert said(tmp_path, manifest_of(tmp_path, base_url=f"{site.address}/net")) == expected
    assert kept(tmp_path) == ["m-symbol.json", "m-symbol.json.sha256"]


def test_an_answer_that_ends_early_is_told_and_not_kept(tmp_path, site):
    serve(site)
    site.truncated.add("/net/m-0000.params")
    manifest = manifest_of(tmp_path, base_url=f"{site.address}/net")
    assert f"{site.address}/net/m-0000.params: the connection ended before the whole file was there" in said(tmp_path, manifest)
    assert kept(tmp_path) == ["m-symbol.json", "m-symbol.json.sha256"]
    site.truncated.clear()
    assert contents(fetch_model(manifest)) == (SYMBOL, PARAMS)


def test_a_download_with_another_checksum_is_told_and_not_kept(tmp_path, site):
    serve(site)
    manifest = manifest_of(tmp_path, base_url=f"{site.address}/net", graph_checksum=md5(b"else"))
    expected = f"model.graph_path: {site.address}/net/m-symbol.json: its MD5 checksum is {md5(SYMBOL)}, but the manifest says {md5(b'else')}: "
    assert said(tmp_path, manifest) == f"{expected}the file is damaged, or another one"
    assert kept(tmp_path) == []


def test_no_server_is_told(tmp_path, site):
    port = int(site.address.rpartition(":")[2])
    manifest = manifest_of(tmp_path, base_url=f"http://127.0.0.1:{port + 1 if port < 65535 else port - 1}/net")
    assert "m-symbol.json: cannot be reached: Connection refused; --model_dir" in said(tmp_path, manifest)


def test_no_network_is_told(tmp_path, monkeypatch):
    def no_names(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", no_names)
    manifest = manifest_of(tmp_path, base_url="http://models.invalid/net")
    assert "http://models.invalid/net/m-symbol.json: cannot be reached: Name or service not known" in said(tmp_path, manifest)


def test_what_would_never_end_is_ended(tmp_path, site, monkeypatch):
    serve(site)
    monkeypatch.setattr(download_module, "MOST_BYTES", len(PARAMS) - 1)
    expected = f"model.weights_path: {site.address}/net/m-0000.params: more than {len(PARAMS) - 1} bytes; no model is that large"
    assert said(tmp_path, manifest_of(tmp_path, base_url=f"{site.address}/net")) == expected


def test_a_host_that_is_no_name_is_told(tmp_path):
    assert "http://a..b/m-symbol.json: cannot be" in said(tmp_path, manifest_of(tmp_path, base_url="http://a..b"))
    assert f"http://{'a' * 64}.org/m-symbol.json: cannot be" in said(tmp_path, manifest_of(tmp_path, base_url=f"http://{'a' * 64}.org"))


def test_paths_that_no_file_can_have_are_told(tmp_path):
    long = "x" * 300
    expected = f"model.graph_path: {long}: cannot be read: File name too long"
    assert said(tmp_path, manifest_of(tmp_path, graph_path=long)) == expected
    put(tmp_path)
    assert said(tmp_path, manifest_of(tmp_path, long)) == f"output.parameters.features_url: {long}: cannot be read: File name too long"


def test_a_silent_server_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(download_module, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "the server did not answer within 0.2 seconds" in said(tmp_path, manifest_of(tmp_path, base_url=address))


def test_damage_in_the_cache_is_found(tmp_path, site, caplog):
    serve(site)
    manifest = manifest_of(tmp_path, base_url=f"{site.address}/net")
    path = fetch_model(manifest).params
    path.write_bytes(PARAMS[:-1] + b"?")
    with caplog.at_level(logging.WARNING):
        assert contents(fetch_model(manifest)) == (SYMBOL, PARAMS)
    assert caplog.messages == [f"dropped a damaged file of the cache: {path}"]
    path.with_name("m-0000.params.sha256").unlink()  # as if its process had been killed between the two
    assert contents(fetch_model(manifest)) == (SYMBOL, PARAMS)
    assert site.requests.count("/net/m-0000.params") == 3


def test_what_is_kept_is_held_against_the_manifests_checksum(tmp_path, site):
    serve(site)
    fetch_model(manifest_of(tmp_path, base_url=f"{site.address}/net"))
    site.files["/net/m-symbol.json"] = b"new"
    assert fetch_model(manifest_of(tmp_path, base_url=f"{site.address}/net", graph_checksum=md5(b"new"))).symbol.read_bytes() == b"new"
    assert "its MD5 checksum is" in said(tmp_path, manifest_of(tmp_path, base_url=f"{site.address}/net", graph_checksum=md5(SYMBOL)))


def test_half_files_of_killed_processes_are_cleared(tmp_path, site):
    serve(site)
    manifest = manifest_of(tmp_path, base_url=f"{site.address}/net")
    path = fetch_model(manifest).symbol
    path.unlink()
    path.with_name("m-symbol.json.new").write_bytes(b"half")
    assert contents(fetch_model(manifest)) == (SYMBOL, PARAMS)
    assert "m-symbol.json.new" not in kept(tmp_path)


def test_two_processes_fetch_a_file_once(tmp_path, site):
    serve(site)
    site.files["/net/m-0000.params"] = os.urandom(20 << 20)
    manifest_of(tmp_path, base_url=f"{site.address}/net")
    code = f"from ngc.evaluate.manifest import *; print(fetch_model(load_manifest({str(tmp_path / 'm.yml')!r})).digest)"
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    digests = {process.communicate(timeout=60)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(digests) == 1
    assert sorted(site.requests) == ["/net/m-0000.params", "/net/m-symbol.json"]
    assert not [name for name in kept(tmp_path) if name.endswith(".new")]


def test_a_full_disk_is_told(tmp_path, site, monkeypatch):
    serve(site)

    def full(url: str, path: Path, progress: Any) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ngc.evaluate.manifest.fetch.download", full)
    text = said(tmp_path, manifest_of(tmp_path, base_url=f"{site.address}/net"))
    assert text.startswith(f"model.graph_path: {site.address}/net/m-symbol.json: cannot be kept in cache/models/")
    assert text.endswith(": No space left on device; NGC_CACHE_DIR names another folder")
    assert kept(tmp_path) == []


def test_a_disk_that_is_full_is_told(tmp_path, site, monkeypatch):
    serve(site)
    monkeypatch.setattr(cache_module, "cache_root", lambda: Path("/dev/full"))
    assert "cannot be kept in /dev/full/models/" in said(tmp_path, manifest_of(tmp_path, base_url=f"{site.address}/net"))


def test_members_of_archives(tmp_path, site):
    with zipfile.ZipFile(tmp_path / "net.zip", "w") as file:
        file.writestr("in/m-symbol.json", SYMBOL)
        file.writestr("in/m-0000.params", PARAMS)
    where = {"is_archive": True, "graph_path": "in/m-symbol.json", "weights_path": "in/m-0000.params", "graph_checksum": sha256(SYMBOL)}
    local = fetch_model(manifest_of(tmp_path, base_url="net.zip", **where))
    assert contents(local) == (SYMBOL, PARAMS)
    site.files["/net.zip"] = (tmp_path / "net.zip").read_bytes()
    remote = fetch_model(manifest_of(tmp_path, base_url=f"{site.address}/net.zip", **where))
    assert contents(remote) == (SYMBOL, PARAMS)
    assert remote.digest == local.digest
    assert site.requests == ["/net.zip"]
    wrong = manifest_of(tmp_path, base_url="net.zip", **where | {"graph_checksum": sha256(b"")})
    assert said(tmp_path, wrong).startswith("model.graph_path: net.zip: in/m-symbol.json: its SHA256 checksum is")


def test_another_archive_in_the_same_place_has_other_members(tmp_path):
    for symbol in (b"first", b"second"):
        with zipfile.ZipFile(tmp_path / "net.zip", "w") as file:
            file.writestr("m-symbol.json", symbol)
            file.writestr("m-0000.params", PARAMS)
        assert contents(fetch_model(manifest_of(tmp_path, base_url="net.zip", is_archive=True))) == (symbol, PARAMS)


def test_labels(tmp_path, site):
    serve(site)
    site.files["/synset.txt"] = "\ufeffn01 tench, Tinca tinca\r\nn02 goldfish\n\n".encode()
    put(tmp_path / "f")
    assert fetch_model(manifest_of(tmp_path, f"{site.address}/synset.txt", base_url="f")).labels == ("n01 tench, Tinca tinca", "n02 goldfish")
    (tmp_path / "mine.txt").write_text("a\n\nc\n")
    assert fetch_model(manifest_of(tmp_path, "mine.txt", base_url="f")).labels == ("a", "", "c")
    (tmp_path / "mine.txt").write_text("")
    assert fetch_model(manifest_of(tmp_path, "mine.txt", base_url="f")).labels == ()


def test_labels_without_the_model(tmp_path):
    (tmp_path / "mine.txt").write_text("a\nb\n")
    assert fetch_labels(manifest_of(tmp_path, "mine.txt")) == ("a", "b")


def test_labels_may_be_in_model_dir(tmp_path):
    folder = put(tmp_path / "mine")
    (folder / "synset.txt").write_text("cat\ndog\n")
    assert fetch_model(manifest_of(tmp_path, "http://127.0.0.1:9/synset.txt"), model_dir=folder).labels == ("cat", "dog")


def test_labels_that_a_server_lacks_are_a_warning(tmp_path, site, caplog):
    put(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert fetch_model(manifest_of(tmp_path, f"{site.address}/none.txt")).labels is None
    assert caplog.messages == [f"classes of Sample are numbers, as their names are not to be had: {site.address}/none.txt: the server answers 404 Not Found; "
                               "--model_dir may have none.txt"]


def test_labels_that_are_wrong_are_told(tmp_path, monkeypatch):
    put(tmp_path)
    assert said(tmp_path, manifest_of(tmp_path, "none.txt")) == "output.parameters.features_url: none.txt: no such file"
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9")
    expected = "output.parameters.features_url: bad.txt: not a text in UTF-8, with a class's name in each line"
    assert said(tmp_path, manifest_of(tmp_path, "bad.txt")) == expected
    monkeypatch.setattr("ngc.evaluate.manifest.fetch.MOST_LABEL_BYTES", 2)
    assert "bad.txt: has 4 bytes; a file of classes' names has at most 2" in said(tmp_path, manifest_of(tmp_path, "bad.txt"))
    data = changed("output.parameters", {"features": "bad.txt", "features_checksum": md5(b"")})
    data["model"] = {"graph_path": "m-symbol.json", "weights_path": "m-0000.params"}
    assert said(tmp_path, load_manifest(write(tmp_path / "m.yml", data))).startswith("output.parameters.features: bad.txt: its MD5 checksum is")


def test_secrets_of_addresses_are_not_told(tmp_path, site):
    message = said(tmp_path, manifest_of(tmp_path, graph_path=f"{site.address.replace('//', '//me:hidden@')}/m.json?sig=hidden&part=1"))
    assert "hidden" not in message
    assert "http://***@127.0.0.1" in message
    assert "/m.json?sig=***&part=1: the server answers 404" in message
