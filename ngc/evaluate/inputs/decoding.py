"""Image files as pixels.

What the formats leave open is decided as MXNet decides it (`mx.image.imdecode` of 1.9.1), so that both see the same pixels: an EXIF orientation is not carried
out, transparency is dropped, 16-bit values keep their upper byte, and a colour JPEG's grey is its stored luma. Other colours' grey is
0.299 R + 0.587 G + 0.114 B (ITU-R 601). CMYK is converted without a colour profile, and of an animation the first frame is taken.
"""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from ngc.errors import DatasetError

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
"""Formats of Pillow's that are read; its others have decoders that are met seldom, by users and by those who test them."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
"""Of files in these formats."""

MOST_PIXELS = 89_478_485
"""Of an image: Pillow's own bound, 256 MiB of RGB, above which it warns. A small file may unpack to any size."""


def decode(data: bytes, color_mode: str) -> Image.Image:
    """Returns the image in a file's bytes.

    Args:
        data: the file.
        color_mode: "L" for grey, "RGB" for colour.

    Raises:
        DatasetError: it is in none of the formats, damaged, truncated, or larger than MOST_PIXELS.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as file:
            if file.width * file.height > MOST_PIXELS:
                raise DatasetError(f"an image of {file.width} x {file.height} pixels; at most {MOST_PIXELS:,} are read")
            file.draft(color_mode, None)  # only JPEG has something else to decode: its luma
            file.load()
            return _converted(file, color_mode)
    except DatasetError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DatasetError(f"an image of more than {MOST_PIXELS:,} pixels, which is not read") from error
    except UnidentifiedImageError as error:
        raise DatasetError(f"{len(data)} bytes that are no image; expected {', '.join(FORMATS)}, or an array that numpy.save wrote") from error
    except Exception as error:  # Pillow's decoders raise nearly any exception on damaged files: OSError, SyntaxError, struct.error, KeyError ...
        raise DatasetError(f"a damaged image: {error or type(error).__name__}") from error


def _converted(image: Image.Image, color_mode: str) -> Image.Image:
    """Returns an image in 8 bits as "L" or "RGB"."""
    if image.mode.startswith("I;16"):
        # Pillow's own conversion to 8 bits cuts values off at 255 instead of scaling them.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode == "P":
        image = image.convert("RGBA")  # its transparency may be a colour's; only this conversion knows all kinds of palettes
    return image if image.mode == color_mode else image.convert("RGB").convert(color_mode)
