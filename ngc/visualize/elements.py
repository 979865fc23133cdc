"""What all pictures are written with: numbers, tips, and the frame of an SVG document."""

from collections.abc import Sequence
from html import escape

CHARACTER = 6.3
"""The width of a character of 11 pixels, on average."""


def number(value: float) -> str:
    """Returns a coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def tip(text: str) -> str:
    """Returns what is shown when the pointer rests on an element; nothing for an empty text."""
    return f"<title>{escape(text)}</title>" if text else ""


def document(kind: str, title: str, style: str, size: tuple[float, float], parts: Sequence[str]) -> str:
    """Returns an SVG document.

    Args:
        kind: its class, which the style's selectors begin with.
        title: of the document.
        style: CSS.
        size: width and height.
        parts: elements.
    """
    width, height = map(number, size)
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
            f"<title>{escape(title)}</title>\n<style>{style}</style>\n{body}\n</svg>\n")
