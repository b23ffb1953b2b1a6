"""Pickles of tensors are read without PyTorch, and nothing in a pickle is ever executed."""

import os
import pickle
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest
from core._eluv_films import (
    FILES,
    FILM,
    film_bytes,
    harmful,
    state_dict_pickle,
    tensor_bytes,
    torch_zip,
)

from cinelake.errors import ModelUnusable
from cinelake.lake.pickles import reader as pickles
from cinelake.lake.pickles.reader import read_pickle, read_pickle_bytes


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
    # In a process of its own, on bytes that the line above made: they can only touch this test's folder.
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


def test_the_weights_of_a_network_are_read_as_pytorch_saves_them():
    found = read_pickle_bytes(torch_zip(state_dict_pickle()))
    assert list(found) == ["weight"] and found["weight"].tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    ("file", "why"),
    {
        "encrypted": (torch_zip(state_dict_pickle(), flag_bits=1), "its parts are encrypted"),
        "of an unknown compression": (torch_zip(state_dict_pickle(), compress_type=99), "damaged|compressed"),
        "of something else": (torch_zip(b"").replace(b"data.pkl", b"data.txt"), "without a data.pkl"),
        "with an attribute of its own": (torch_zip(state_dict_pickle("keys")), "attributes of an OrderedDict"),
    }.values(),
)
def test_zip_files_that_pytorch_does_not_write_are_refused_in_words(file, why):
    with pytest.raises(ModelUnusable, match=why):
        read_pickle_bytes(file)


def test_arrays_of_objects_are_refused():
    with pytest.raises(ModelUnusable, match="no plain numbers"):
        read_pickle_bytes(pickle.dumps(np.array([None, "x"], object)))


def test_a_file_that_is_not_there_is_a_typed_error(tmp_path):
    with pytest.raises(ModelUnusable, match="cannot be read: No such file"):
        read_pickle(tmp_path / "absent.pkl")


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def whole(value):
    return b"\x8a" + bytes([len(data := value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))]) + data


ATTRIBUTES = b"N}" + text("stand_in") + text("name") + b"s\x86b"
"""BUILD with (None, {attribute: value}), by which the attributes of any object are set."""


@pytest.mark.parametrize(
    ("attack", "why"),
    {
        "attributes of a name": (b"cnumpy\ndtype\n" + ATTRIBUTES, "sets the state of something"),
        "attributes of a storage's name": (b"ctorch\nFloatStorage\n" + ATTRIBUTES, "sets the state of something"),
        "attributes of an array": (b"cnumpy.core.multiarray\n_reconstruct\n)R" + ATTRIBUTES, "damaged"),
        "attributes of a dict": (b"}" + ATTRIBUTES, "damaged"),
        "a call of a text": (text("x") + b")R", "not callable"),
        "a call of a name that is only passed on": (b"cnumpy\nndarray\n)R", "calls something that is not known"),
        "a call of what was made": (b"cnumpy\ndtype\n" + text("<f4") + b"\x85R)R", "not callable"),
        "arguments that are no tuple": (b"cnumpy\ndtype\n]R", "damaged"),
        "a name as a value": (b"cnumpy\nndarray\n", "holds a known where data should be"),
        "a reference outside": (text("key") + b"Q", "refers to something outside"),
        "a reference outside, in text": (b"Pkey\n", "instruction PERSID"),
        "a buffer outside": (b"\x97", "instruction NEXT_BUFFER"),
        "a new object with names": (b"cnumpy\nndarray\n)}\x92", "instruction NEWOBJ_EX"),
        "a name of a module of ours": (b"ccinelake.lake.pickles.child\nread\n", "asks for 'cinelake.lake"),
        "the unpickler itself": (b"cpickle\nloads\n", "asks for 'pickle.loads'"),
        "a key that is a tuple": (b"}(K\x01K\x02tNs", "a key of a dict is a tuple"),
    }.values(),
)
def test_what_would_reach_beyond_data_is_refused(attack, why):
    with pytest.raises(ModelUnusable, match=why):
        read_pickle_bytes(b"\x80\x04" + attack + b".")


def reader():
    """The process that reads."""
    read_pickle_bytes(pickle.dumps(1))
    return pickles._READER._process.pid


def test_one_process_reads_all_files():
    first = reader()
    for way in harmful("x").values():
        with pytest.raises(ModelUnusable):
            read_pickle_bytes(way)
    assert reader() == first != os.getpid()


@pytest.mark.parametrize(
    ("bomb", "why"),
    {
        "a memo of gigabytes": (b"Nr\xff\xff\xff\x7f.", "more memory than a file of its size can need"),
        "bytes of terabytes": (b"\x8e" + struct.pack("<Q", 1 << 42) + b"x.", "damaged|more memory"),
        "a hash of nested tuples": (b"}" + b")" + b"\x85" * 1_000_000 + b"Ns.", r"died \(SIGSEGV\)|more memory"),
    }.values(),
)
def test_what_ends_the_reading_process_is_refused_and_the_next_file_is_read(bomb, why):
    with pytest.raises(ModelUnusable, match=why):
        read_pickle_bytes(b"\x80\x04" + bomb)
    assert read_pickle_bytes(pickle.dumps([1])) == [1]


def test_a_pickle_that_takes_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(pickles, "DEADLINE_S", 1)
    modulus = sys.hash_info.modulus
    same_hash = b"".join(whole(number * modulus) + b"N" for number in range(1, 200_000))
    with pytest.raises(ModelUnusable, match="is not read within 1 s"):
        read_pickle_bytes(b"\x80\x04}(" + same_hash + b"u.")
    assert read_pickle_bytes(pickle.dumps([1])) == [1]


def test_threads_may_read_at_the_same_time():
    values = [np.full(1000 * number, number) for number in range(1, 9)]
    results = {}

    def work(number):
        results[number] = read_pickle_bytes(pickle.dumps(values[number]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all((results[number] == values[number]).all() for number in range(8))


def test_a_forked_process_reads_with_a_process_of_its_own():
    before = reader()
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(theirs, str(reader()).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(ours, 20)) != before == reader()


@pytest.mark.parametrize(
    "value", [2.5, float("inf"), -(10**30), "\ud800", "", [], (), {}, {1: {"a": ((),)}}, b"\xff", True, None]
)
def test_plain_values_come_back_as_they_are(value):
    found = read_pickle_bytes(pickle.dumps(value))
    assert found == value and type(found) is type(value)
