"""Which pictures others refer to, from the first bytes of packets."""

from __future__ import annotations

import pytest

from cinelake.media.referred import begun_anew, mark_of

AVC = bytes([1, 100, 0, 31, 0xFF])
HEVC = bytes([1] + [0] * 20 + [3])


def units(*data: bytes) -> memoryview:
    """NAL units, each after its length in four bytes."""
    return memoryview(b"".join(len(unit).to_bytes(4) + unit for unit in data))


@pytest.mark.parametrize(
    ("head", "mark"), [(0x65, 0), (0x41, 0), (0x01, 1)], ids=["key picture", "referred to", "referred to by none"]
)
def test_h264_slices_say_whether_others_refer_to_their_picture(head: int, mark: int) -> None:
    told = mark_of("h264", AVC)
    assert told is not None
    assert told(units(b"\x06sei", bytes([head, 0x80, 0]))) == mark


@pytest.mark.parametrize(
    ("kind", "layer", "mark"), [(19, 1, -1), (1, 1, -1), (0, 1, 1), (8, 2, 2), (21, 1, -1), (3, 3, -3)]
)
def test_hevc_says_so_within_a_temporal_layer(kind: int, layer: int, mark: int) -> None:
    told = mark_of("hevc", HEVC)
    assert told is not None
    assert told(units(bytes([kind << 1, layer, 0x80]))) == mark


def test_b_pictures_of_mpeg_2_and_4_are_referred_to_by_none() -> None:
    mpeg2, mpeg4 = mark_of("mpeg2video", b""), mark_of("mpeg4", b"")
    assert mpeg2 is not None and mpeg4 is not None
    assert [mpeg2(memoryview(b"\0\0\1\0\0" + bytes([kind << 3]))) for kind in (1, 2, 3)] == [0, 0, 1]
    assert [mpeg4(memoryview(b"\0\0\1\xb6" + bytes([kind << 6]))) for kind in (0, 1, 2)] == [0, 0, 1]


def test_codecs_that_do_not_say_so_have_no_marks() -> None:
    assert mark_of("vp9", b"") is None
    assert mark_of("h264", b"\0\0\0\1") is None


def test_packets_without_a_picture_have_no_mark() -> None:
    told = mark_of("h264", AVC)
    assert told is not None
    assert told(units(b"\x06sei")) is None
    assert told(memoryview(b"\xff\xff\xff\xff\xff\xff")) is None


def test_a_clean_random_access_picture_begins_a_sequence_as_a_broken_link() -> None:
    assert begun_anew("hevc", HEVC, bytes(units(bytes([21 << 1, 1, 7])))) == bytes(units(bytes([16 << 1, 1, 7])))
    assert begun_anew("h264", AVC, b"data") == b"data"
