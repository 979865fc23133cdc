"""Image files as pixels: what MXNet sees, and errors for all that is no image."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ngc.errors import DatasetError
from ngc.evaluate.inputs import decoding
from ngc.evaluate.inputs.decoding import decode
from tests.evaluate.inputs.pictures import encoded, saved, smooth

NOISE = np.random.default_rng(0).integers(0, 256, (9, 14, 4), np.uint8)
WIDE = (np.arange(9 * 14, dtype=np.uint16) * 517).reshape(9, 14)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "WEBP"])
def test_formats_without_loss_give_the_pixels_back(kind: str) -> None:
    image = Image.fromarray(smooth(9, 14)).quantize(16)
    data = saved(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(np.asarray(decode(data, "RGB")), np.asarray(image.convert("RGB")))


def test_of_an_animation_the_first_frame_is_taken() -> None:
    black, white = Image.new("L", (3, 2), 0), Image.new("L", (3, 2), 255)
    assert np.asarray(decode(saved(black, "GIF", save_all=True, append_images=[white]), "L")).max() == 0


def oriented() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    return saved(Image.fromarray(smooth(9, 14)), "JPEG", exif=exif)


def cmyk() -> bytes:
    return saved(Image.fromarray(smooth(9, 14)).convert("CMYK"), "JPEG")


EXACT = {
    "jpeg": encoded(NOISE[..., :3], "JPEG"),
    "grey jpeg": encoded(NOISE[..., 0], "JPEG"),
    "oriented jpeg": oriented(),
    "transparent png": encoded(NOISE),
    "grey transparent png": encoded(NOISE[..., :2]),
    "16-bit png": encoded(WIDE),
    "1-bit png": saved(Image.fromarray(NOISE[..., 0]).convert("1"), "PNG"),
    "palette png": saved(Image.fromarray(NOISE[..., :3]).quantize(9), "PNG"),
}


@pytest.mark.parametrize("name", EXACT)
def test_mxnet_sees_the_same_colours(mx: ModuleType, name: str) -> None:
    assert np.array_equal(np.asarray(decode(EXACT[name], "RGB")), mx.image.imdecode(EXACT[name]).asnumpy())


@pytest.mark.parametrize("name", EXACT)
def test_mxnet_sees_the_same_grey(mx: ModuleType, name: str) -> None:
    pixels = mx.image.imdecode(EXACT[name], flag=0).asnumpy()[..., 0].astype(int)
    # One step: the two round the weights of R, G and B to other fractions of a power of two.
    assert np.abs(np.asarray(decode(EXACT[name], "L")) - pixels).max() <= (0 if "jpeg" in name else 1)


def test_mxnet_sees_the_same_cmyk(mx: ModuleType) -> None:
    pixels = mx.image.imdecode(cmyk()).asnumpy().astype(int)
    assert np.abs(np.asarray(decode(cmyk(), "RGB")) - pixels).max() <= 1  # one step: a product of two bytes over 255 is rounded or cut off


def test_a_palette_may_have_transparent_colours() -> None:
    image = Image.fromarray(NOISE[..., :3]).quantize(9)
    pixels = np.asarray(image.convert("RGB"))
    assert np.array_equal(np.asarray(decode(saved(image, "PNG", transparency=bytes(range(9))), "RGB")), pixels)


JPEG, PNG = encoded(smooth(40, 50), "JPEG"), encoded(smooth(40, 50))


@pytest.mark.parametrize(("data", "message"), [
    (b"", "0 bytes that are no image; expected JPEG, PNG, BMP, GIF, WEBP, or an array that numpy.save wrote"),
    (b"<html>not found</html>", "22 bytes that are no image"),
    (saved(Image.fromarray(smooth(4, 4)), "TIFF"), "that are no image; expected JPEG, PNG"),
    (JPEG[:-40], "a damaged image: image file is truncated"),
    (PNG[:-40], "a damaged image: image file is truncated"),
])
def test_what_is_no_whole_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        decode(data, "RGB")
    assert message in str(caught.value)


def test_an_image_of_too_many_pixels_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MOST_PIXELS", 1999)
    with pytest.raises(DatasetError, match="an image of 50 x 40 pixels; at most 1,999 are read"):
        decode(PNG, "RGB")


@pytest.mark.parametrize("times", [1, 3])  # Pillow's own bound is a warning, of twice that an error
def test_pillows_own_bounds_are_errors(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1999 // times)
    with pytest.raises(DatasetError, match="an image of more than 89,478,485 pixels, which is not read"):
        decode(PNG, "RGB")


@given(st.sampled_from([JPEG, PNG, *(encoded(smooth(9, 14), kind) for kind in ("GIF", "BMP", "WEBP"))]), st.data())
def test_damaged_files_give_pixels_or_a_data_set_error(data: bytes, draw: st.DataObject) -> None:
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 5))):
        damaged[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        image = decode(bytes(damaged[:draw.draw(st.integers(0, len(data)))]), "RGB")
    except DatasetError:
        return
    assert image.mode == "RGB"
