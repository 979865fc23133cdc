"""Images for tests, as files' bytes."""

import io
from typing import Any

import numpy as np
from PIL import Image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Returns an image file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """Returns an image file of pixels (height, width[, channels])."""
    return saved(Image.fromarray(pixels), kind)


def smooth(height: int, width: int) -> np.ndarray:
    """Returns colours (height, width, 3) that change slowly, each channel in its own direction."""
    down, across = np.mgrid[0:1:height * 1j, 0:1:width * 1j]
    return (np.stack([down, across, (down + across) / 2], axis=-1) * 255).round().astype(np.uint8)
