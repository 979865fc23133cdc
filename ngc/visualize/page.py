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
    """Returns the page as text.

    Args:
        title: of the page.
        diagrams: drawn side by side, where the window has room.
        notes: plain text between title and pictures.
    """
    figures = "\n".join(f"<figure>{svg_text(diagram)}</figure>" for diagram in diagrams)
    text = f"<pre>{escape(notes)}</pre>\n" if notes else ""
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n'
            f"<body>\n<h1>{escape(title)}</h1>\n{text}<main>\n{figures}\n</main>\n</body>\n</html>\n")
