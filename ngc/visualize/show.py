"""Shows a picture to whoever asked for it: in a notebook where they are, from a script as a page whose place is said."""

import os
import re
import sys
import tempfile
import webbrowser
from importlib import import_module
from pathlib import Path
from typing import Protocol

from ngc.errors import InputError


class Picture(Protocol):
    """What has a form for notebooks."""

    def _repr_html_(self) -> str: ...


def show(picture: Picture, page: str, name: str, path: str | os.PathLike[str] | None = None, *, browser: bool = False) -> Path | None:
    """Displays a picture in a notebook and returns None; elsewhere, or where a path or a browser is asked for, writes a page and returns its path.

    Args:
        picture: what a notebook displays.
        page: the HTML page.
        name: what a temporary file's name begins with.
        path: of the page; a temporary file, which stays, unless given.
        browser: open the page in the system's browser.

    Raises:
        InputError: the page cannot be written.
    """
    if path is None and not browser and in_notebook():
        import_module("IPython.display").display(picture)
        return None
    try:
        if path is None:
            handle, path = tempfile.mkstemp(".html", re.sub(r"[^A-Za-z0-9_.-]", "_", name) + "-")
            os.close(handle)
        place = Path(path)
        place.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"the page {path or ''} cannot be written: {error.strerror or error}") from error
    print(f"the picture is in {place}")
    if browser:
        webbrowser.open(place.resolve().as_uri())
    return place


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this process. IPython is not imported for the answer: where it runs, it is there."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")
