"""The inputs that a model takes, made of images and arrays."""

import io
import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ngc.errors import DatasetError, EvaluationError
from ngc.evaluate.inputs import Preprocessing
from ngc.evaluate.inputs.preprocessing import resized
from tests.evaluate.inputs.pictures import encoded, smooth

MEAN, SCALE = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

SIZES = st.integers(1, 40)


@given(SIZES, SIZES, SIZES, SIZES, st.sampled_from([0.5, 0.875, 1.0]))
def test_the_middle_of_the_resized_image_is_cropped(height: int, width: int, out_height: int, out_width: int, crop: float) -> None:
    image = Image.fromarray(np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8))
    target_height, target_width = math.ceil(out_height / crop), math.ceil(out_width / crop)
    times = max(target_height / height, target_width / width)
    whole = image.resize((int(round(width * times, 9)), int(round(height * times, 9))), Image.Resampling.BILINEAR)
    assert whole.width >= target_width
    assert whole.height >= target_height
    left, top = (whole.width - out_width) // 2, (whole.height - out_height) // 2
    wanted = np.asarray(whole.crop((left, top, left + out_width, top + out_height))).astype(int)
    cropped = np.asarray(resized(image, out_height, out_width, crop))
    assert cropped.shape == (out_height, out_width, 3)
    assert np.abs(cropped - wanted).max() <= 2  # the crop's corner is rounded, so ties may be rounded to the other side, by one in each of Pillow's two passes


@given(SIZES, SIZES, SIZES, SIZES)
def test_without_a_crop_the_whole_image_is_resized(height: int, width: int, out_height: int, out_width: int) -> None:
    image = Image.fromarray(smooth(height, width))
    wanted = np.asarray(image.resize((out_width, out_height), Image.Resampling.BILINEAR))
    assert np.array_equal(np.asarray(resized(image, out_height, out_width, None)), wanted)


@given(st.integers(1, 255), SIZES, SIZES)
def test_an_image_of_one_colour_keeps_it(value: int, height: int, width: int) -> None:
    data = encoded(np.full((height, width, 3), value, np.uint8))
    assert np.array_equal(Preprocessing(3, 7, 8)(data), np.full((3, 7, 8), value, np.float32))


def test_a_very_long_image_needs_no_memory_for_what_is_cut_away() -> None:
    data = encoded(np.full((1, 60_000, 3), 9, np.uint8))  # as high as 256, it would have 15 million columns and 12 GiB
    assert Preprocessing(3, 224, 224)(data).max() == 9


def test_resizing_is_mxnets_where_images_grow(mx: ModuleType) -> None:
    data = encoded(smooth(200, 150))
    whole = mx.image.resize_short(mx.image.imdecode(data), 256, interp=1)
    wanted = mx.image.center_crop(whole, (224, 224))[0].asnumpy()
    assert np.abs(Preprocessing(3, 224, 224, "HWC")(data) - wanted).max() <= 1  # both round weights and sums to 8 bits, at other places


@pytest.mark.parametrize("color_mode", ["RGB", "BGR"])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_pixels_are_normalized_by_channel(color_mode: str, layout: str) -> None:
    image = smooth(6, 5)
    made = Preprocessing(3, 6, 5, layout, color_mode, MEAN, SCALE, None)(encoded(image))
    wanted = (image.astype(np.float32) - np.float32(MEAN)) / np.float32(SCALE)
    wanted = wanted[..., ::-1] if color_mode == "BGR" else wanted
    assert made.dtype == np.float32
    assert np.array_equal(made, wanted.transpose(2, 0, 1) if layout == "CHW" else wanted)


def test_mxnet_normalizes_alike(mx: ModuleType) -> None:
    image = smooth(6, 5)
    wanted = mx.image.color_normalize(mx.nd.array(image), mx.nd.array(MEAN), mx.nd.array(SCALE)).asnumpy()
    assert np.array_equal(Preprocessing(3, 6, 5, "HWC", "RGB", MEAN, SCALE, None)(encoded(image)), wanted)


def test_one_mean_and_scale_are_for_all_channels() -> None:
    image = smooth(6, 5)
    assert np.array_equal(Preprocessing(3, 6, 5, "HWC", "BGR", (128.0,), (64.0,), None)(encoded(image)), (image[..., ::-1].astype(np.float32) - 128) / 64)


def test_grey_images_have_one_channel() -> None:
    image = smooth(6, 5)[..., 0]
    assert np.array_equal(Preprocessing(1, 6, 5, color_mode="GRAY", mean=(3.0,), center_crop=None)(encoded(image)), image[None].astype(np.float32) - 3)


def test_integers_are_the_pixels_as_they_are() -> None:
    image = smooth(6, 5)
    made = Preprocessing(3, 6, 5, "HWC", "RGB", MEAN, SCALE, None, "uint8")(encoded(image))
    assert made.dtype == np.uint8
    assert np.array_equal(made, image)


@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_arrays_of_pixels_come_with_channels_first_or_last(layout: str) -> None:
    image, prepare = smooth(6, 5), Preprocessing(3, 6, 5, layout, "RGB", MEAN, SCALE, None)
    stream = io.BytesIO()
    np.save(stream, np.asfortranarray(image))
    for given_image in (image, image.transpose(2, 0, 1), image.astype(np.int32), stream.getvalue()):
        assert np.array_equal(prepare(given_image), prepare(encoded(image)))


def test_arrays_of_floats_are_what_the_model_takes() -> None:
    image = np.random.default_rng(0).standard_normal((3, 6, 5))
    made = Preprocessing(3, 6, 5, "CHW", "RGB", MEAN, SCALE)(image)
    assert np.array_equal(made, image.astype(np.float32))
    assert made.dtype == np.float32


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (1, 6, 5)])
def test_grey_arrays_need_no_channel(shape: tuple[int, ...]) -> None:
    image = smooth(6, 5)[..., 0]
    assert np.array_equal(Preprocessing(1, 6, 5, color_mode="GRAY")(image.reshape(shape)), image[None].astype(np.float32))


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize(("image", "message"), [
    (np.zeros((6, 5), np.uint8), "an array (6, 5); expected (3, 6, 5) or (6, 5, 3)"),
    (npy(np.zeros((3, 6, 6), np.uint8)), "an array (3, 6, 6); expected (3, 6, 5) or (6, 5, 3)"),
    (npy(np.zeros((3, 6, 5), np.uint8))[:-1], "a damaged array: buffer is smaller than requested size"),
    (npy(np.zeros((3, 6, 5), np.uint8))[:20], "a damaged array: "),
    (npy(np.zeros((3, 6, 5), np.uint8)).replace(b"|u1", b"|O8"), "an array of Python objects; expected numbers"),
    (np.zeros((3, 6, 5), "U1"), "an array of <U1; expected numbers"),
    (np.zeros((3, 6, 5), np.complex64), "an array of complex64; expected numbers"),
    (b"no image", "8 bytes that are no image; expected JPEG, PNG, BMP, GIF, WEBP, or an array that numpy.save wrote"),
])
def test_what_is_no_image_of_the_model_is_named(image: Any, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        Preprocessing(3, 6, 5)(image, "cat.png")
    assert str(caught.value).startswith(f"cat.png: {message}")


@pytest.mark.parametrize(("array", "message"), [
    (np.full((3, 6, 5), 256), "an array of int64 from 256 to 256, which uint8 does not hold"),
    (np.full((3, 6, 5), -1), "an array of int64 from -1 to -1, which uint8 does not hold"),
    (np.full((3, 6, 5), 0.5), "an array of float64 from 0.5 to 0.5, which uint8 does not hold"),
])
def test_values_that_the_element_type_does_not_hold_are_refused(array: np.ndarray, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        Preprocessing(3, 6, 5, element_type="uint8")(array)


@pytest.mark.parametrize(("options", "message"), [
    ({"height": 0}, "images of 3 x 0 x 5 have no pixels"),
    ({"layout": "NCHW"}, "layout 'NCHW' of images; expected CHW or HWC"),
    ({"color_mode": "YUV"}, r"color mode 'YUV' with 3 channels; expected RGB \(3\), BGR \(3\), GRAY \(1\)"),
    ({"color_mode": "GRAY"}, "color mode 'GRAY' with 3 channels"),
    ({"mean": (1.0, 2.0)}, r"mean \(1.0, 2.0\) of 3 channels; expected a number, or one for each channel"),
    ({"scale": (1.0, math.inf, 1.0)}, r"scale \(1.0, inf, 1.0\) of 3 channels"),
    ({"scale": (1.0, 0.0, 1.0)}, r"scale \(1.0, 0.0, 1.0\): pixels are divided by it"),
    ({"center_crop": 0.0}, "center crop 0.0; expected a share above 0, of at most 1"),
    ({"center_crop": 1.5}, "center crop 1.5"),
    ({"element_type": "string"}, "element type 'string' of images; expected float16, float32, float64, uint8, int8 or int32"),
])
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        Preprocessing(**{"channels": 3, "height": 6, "width": 5} | options)


def test_floats_that_were_not_normalized_are_refused() -> None:
    pixels = np.full((3, 6, 5), 255, np.uint8)
    prepare = Preprocessing(3, 6, 5, mean=MEAN, scale=SCALE)
    assert np.array_equal(prepare(prepare(pixels)), prepare(pixels))
    message = ("image: an array of float32 up to 255, though normalized pixels reach 2.64; floats are taken to be normalized already, integers are normalized")
    with pytest.raises(DatasetError) as caught:
        prepare(pixels.astype(np.float32))
    assert str(caught.value) == message
    assert Preprocessing(3, 6, 5)(pixels.astype(np.float32)).max() == 255  # where pixels are not scaled they are what the model takes
