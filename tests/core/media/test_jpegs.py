"""A JPEG is opened at no more than the size that is needed."""

import cv2
import numpy as np
import pytest

from cinelake.errors import DamagedFilm
from cinelake.media.jpegs import jpeg_scale, jpeg_size, open_jpeg

RAMP = np.dstack([np.tile(np.arange(200, dtype=np.uint8), (90, 1))] * 3) + np.array([40, 20, 0], np.uint8)


def jpeg(*options: int) -> bytes:
    return bytes(cv2.imencode(".jpg", RAMP[..., ::-1], [*options])[1])


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)])
def test_the_size_is_in_the_header(options: tuple[int, ...]) -> None:
    assert jpeg_size(jpeg(*options)) == (200, 90)


@pytest.mark.parametrize(("least", "scale"), [(1, 8), (25, 8), (26, 4), (50, 4), (51, 2), (101, 1), (900, 1)])
def test_the_smallest_size_that_is_wide_enough_is_taken(least: int, scale: int) -> None:
    assert jpeg_scale(200, least) == scale
    assert open_jpeg(jpeg(), least_width=least).shape == (-(-90 // scale), -(-200 // scale), 3)


def test_half_a_picture_shows_the_same() -> None:
    whole, half = open_jpeg(jpeg()), open_jpeg(jpeg(), least_width=100)
    averaged = whole.reshape(45, 2, 100, 2, 3).mean((1, 3))
    assert np.abs(averaged - half).mean() < 1.5


def test_colours_come_in_the_order_of_rgb_and_luma_alone() -> None:
    assert np.abs(open_jpeg(jpeg()).astype(int) - RAMP).mean() < 3
    assert open_jpeg(jpeg(), in_grey=True).shape == (90, 200)


@pytest.mark.parametrize("what", [b"", b"GIF89a" * 9, jpeg()[:30]])
def test_what_is_no_jpeg_is_refused(what: bytes) -> None:
    with pytest.raises(DamagedFilm, match="JPEG of"):
        open_jpeg(what, least_width=10)
