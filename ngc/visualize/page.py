"""One HTML page with pictures in it: nothing is fetched, so it opens anywhere and can be sent on."""

from collections.abc import Sequence
from html import escape

from ngc.visualize.diagram import Diagram
from ngc.visualize.svg import svg_text

_STYLE = """
body { font: 14px system-ui, sans-serif; margin: 1.5rem; color: #1b1f24; background: #ffffff; }
figure { margin: 0 0 2rem; overflow: auto; }
main { display: flex; flex-wrap: wrap; gap: 2rem; align-items: flex-start; }
svg { max-width: none; }
"""


def html_page(title: str, diagrams: Sequence[Diagram], notes: str = "") -> str:
    """Returns a page with the pictures of diagrams; the arguments are those of `picture_page`."""
    return picture_page(title, list(map(svg_text, diagrams)), notes)


def picture_page(title: str, pictures: Sequence[str], notes: str = "") -> str:
    """Returns the page as text.

    Args:
        title: of the page.
        pictures: SVG texts, side by side where the window has room.
        notes: plain text between title and pictures.
    """
    figures = "\n".join(f"<figure>{picture}</figure>" for picture in pictures)
    text = f"<pre>{escape(notes)}</pre>\n" if notes else ""
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n'
            f"<body>\n<h1>{escape(title)}</h1>\n{text}<main>\n{figures}\n</main>\n</body>\n</html>\n")
