"""Pickles of tensors are read without PyTorch, and nothing in a pickle is ever executed."""

import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
from core._eluv_films import FILES, FILM, film_bytes, harmful, tensor_bytes

from cinelake.errors import ModelUnusable
from importers.eluv.pickles import read_pickle, read_pickle_bytes


@pytest.mark.parametrize("form", FILES)
def test_tensors_that_pytorch_wrote_are_read_with_their_types_and_shapes(form):
    found = read_pickle_bytes(film_bytes(form))
    for name, value in FILM.items():
        np.testing.assert_array_equal(found[name], value, strict=True)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_and_plain_data_are_read_from_every_protocol(protocol):
    data = {
        "a": np.arange(6.0).reshape(2, 3).T,
        "b": [1, 2.5, None, True, "é", (b"x",)],
        "c": np.zeros((0, 4), np.float16),
    }
    found = read_pickle_bytes(pickle.dumps(data, protocol))
    np.testing.assert_array_equal(found["a"], data["a"], strict=True)
    assert found["b"] == data["b"] and found["c"].shape == (0, 4)


@pytest.mark.parametrize("way", harmful("x"))
def test_a_pickle_that_would_do_harm_is_refused_before_it_does(tmp_path, way):
    victim = tmp_path / "made"
    (tmp_path / "film.pkl").write_bytes(harmful(str(victim))[way])
    with pytest.raises(ModelUnusable, match="nothing was run"):
        read_pickle(tmp_path / "film.pkl")
    assert not victim.exists()


def test_the_harmful_pickles_of_these_tests_really_do_harm_elsewhere(tmp_path):
    victim = tmp_path / "made"
    (tmp_path / "film.pkl").write_bytes(harmful(str(victim))["eval"])
    # Run in a process of its own, on bytes made in the line above, that can only touch this test's folder.
    code = f"import pickle; pickle.load(open({str(tmp_path / 'film.pkl')!r}, 'rb'))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert victim.exists()


@pytest.mark.parametrize(("way", "name"), [("os.system", "posix.system"), ("eval", "builtins.eval")])
def test_what_a_pickle_asked_for_is_named(tmp_path, way, name):
    with pytest.raises(ModelUnusable, match=f"asks for '{name}'"):
        read_pickle_bytes(harmful("x")[way])


def test_a_tensor_is_a_view_with_offset_and_stride():
    found = read_pickle_bytes(tensor_bytes(1, (2, 2), (1, 1)))
    assert found.tolist() == [[1, 2], [2, 3]]


@pytest.mark.parametrize(
    "bad",
    [
        tensor_bytes(0, (5,), (1,)),
        tensor_bytes(4, (1,), (1,)),
        tensor_bytes(0, (2,), (1 << 39,)),
        tensor_bytes(-1, (2,), (1,)),
        tensor_bytes(0, (2,), (-1,)),
        tensor_bytes(0, (2, 2), (1,)),
        tensor_bytes(0, (1,) * 9, (1,) * 9),
        tensor_bytes(0, (1 << 39,), (0,)),
        tensor_bytes(0, (4,), (1,), told=1 << 40),
    ],
)
def test_a_tensor_that_reaches_beyond_its_numbers_is_refused(bad):
    with pytest.raises(ModelUnusable):
        read_pickle_bytes(bad)


def bombs():
    deep = b"\x80\x02" + b"]" * 500_000 + b"a" * 499_999 + b"."
    doubled = b"\x80\x02]q\x00" + b"".join(b"(h%ch%cl" % (0, 0) + b"q\x00" for _ in range(60)) + b"."
    itself = b"\x80\x02]q\x00h\x00a."
    long_text = b"X" + struct.pack("<I", 1 << 20) + b"x" * (1 << 20) + b"q\x000"
    again = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R0" * 500
    return {
        "deep lists": deep,
        "lists of lists, each twice": doubled,
        "a list that holds itself": itself,
        "one long text as bytes again and again": b"\x80\x02" + long_text + again + b"N.",
        "a text longer than the file": b"\x80\x02X\xff\xff\xff\x7fx.",
        "instructions without end": b"\x80\x02" + b"N0" * 1_100_000 + b"N.",
        "marks upon marks": b"\x80\x02" + b"(" * 900_000 + b"t" * 900_000 + b".",
        "many numbers in a text": b"I" + b"9" * 100_000 + b"\n.",
        "nothing": b"",
        "no pickle": b"\x89PNG\r\n\x1a\n",
        "cut off": film_bytes("plain")[:400],
        "a zip that is cut off": film_bytes("zip")[:2000],
    }


@pytest.mark.parametrize("kind", bombs())
def test_bombs_and_damaged_files_are_refused(kind):
    with pytest.raises(ModelUnusable):
        read_pickle_bytes(bombs()[kind])


def test_arrays_of_objects_are_refused():
    with pytest.raises(ModelUnusable, match="no plain numbers"):
        read_pickle_bytes(pickle.dumps(np.array([None, "x"], object)))


def test_a_file_that_is_not_there_is_a_typed_error(tmp_path):
    with pytest.raises(ModelUnusable, match="cannot be read: No such file"):
        read_pickle(tmp_path / "absent.pkl")
