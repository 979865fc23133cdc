"""Addresses of databases."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from ngc.errors import StoreError
from ngc.evaluate.store import Store
from ngc.evaluate.store.address import Address, find_database
from ngc.evaluate.store.database import Database
from tests.evaluate.store.samples import evaluation


def _file(path: Path) -> Address:
    return Address(make_url(f"sqlite+pysqlite:///{path}"))


def test_without_an_address_it_is_a_file_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert find_database("", "") == _file(tmp_path / "ngc" / "ngc_eval.db")
    assert find_database("", "carml_model_trace.v1") == _file(tmp_path / "ngc" / "carml_model_trace_v1.db")
    with Store.open(name="mine") as store:
        store.begin(evaluation("a"))
    assert (tmp_path / "ngc" / "mine.db").exists()


@pytest.mark.parametrize(("address", "path"), [
    ("runs.db", "here/runs.db"), ("runs.sqlite", "here/runs.sqlite"), ("./runs", "here/runs"), ("../runs.db", "here/../runs.db"), ("/runs/at.1", "/runs/at.1"),
    ("~/runs.db", "home/runs.db"), ("sqlite:///runs", "here/runs"), ("sqlite:////runs/mine", "/runs/mine"),
])  # fmt: skip
def test_paths_are_of_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str, path: str) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_database(address, "ignored") == _file(tmp_path / path)


@pytest.mark.parametrize(("address", "name", "url", "by_default"), [
    ("postgresql://host", "", "postgresql+psycopg://host/ngc_eval", True),
    ("postgres://me:pass@host:5433/", "my.runs", "postgresql+psycopg://me:pass@host:5433/my_runs", True),
    ("postgresql://host/runs.1", "ignored", "postgresql+psycopg://host/runs.1", False),
    ("postgresql:///runs?host=/run/postgresql", "", "postgresql+psycopg:///runs?host=/run/postgresql", False),
])  # fmt: skip
def test_servers_have_a_database_of_the_name_by_default(address: str, name: str, url: str, by_default: bool) -> None:
    assert find_database(address, name) == Address(make_url(url), by_default)


_POSSIBLE = r"; possible are evaluations\.db, sqlite:////folder/evaluations\.db and postgresql://user@host:5432/database$"


@pytest.mark.parametrize(("address", "message"), [
    ("mongo.example.com", r"^the database's address 'mongo\.example\.com' is neither a path \(with a '/', or ending in \.db or \.sqlite\) nor a URL"),
    ("mongodb://host", "^databases of 'mongodb' are not supported"),
    ("postgresql+asyncpg://host", r"^databases of 'postgresql\+asyncpg' are not supported"),
    ("sqlite://", "^the database's address 'sqlite://' names no file"),
    ("sqlite:///:memory:", "^the database's address 'sqlite:///:memory:' names no file"),
    ("://me:secret@host", "^the database's address is no URL that can be read"),
    ("postgresql://me:secret@host:port/", "^the database's address is no URL that can be read"),
])  # fmt: skip
def test_other_addresses_are_refused(address: str, message: str) -> None:
    with pytest.raises(StoreError, match=message + _POSSIBLE) as failure:
        Store.open(address)
    assert "secret" not in str(failure.value)


def test_an_address_is_shown_without_passwords() -> None:
    database = Database(find_database("postgresql://me:hidden@host/runs?sslpassword=hidden&password=hidden&sslmode=require", "").url)
    assert database.place == "postgresql://me:***@host/runs?sslmode=require"


@pytest.mark.parametrize("address", ["me:hidden@host:5432", "me:hidden@host/runs", "postgresql:/hidden/runs"])
def test_what_is_nearly_a_url_is_no_file(address: str) -> None:
    with pytest.raises(StoreError, match=r"^the database's address is no URL that can be read; possible are ") as caught:
        find_database(address, "")
    assert "hidden" not in str(caught.value)
