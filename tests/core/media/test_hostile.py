"""Files that are no films, are damaged, or point elsewhere."""

import http.server
import os
import threading

import pytest
from _films import remux
from _recorder import Recorder

from cinelake.errors import DamagedFilm, FilmMissing, ForbiddenInput, NotAFilm
from cinelake.media.ffmpeg import run_ffmpeg, safe_input, words_of
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.task import SoundStream, VideoClock, VideoStream


@pytest.fixture
def server():
    """A loopback HTTP server that notes what is asked of it."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = asked
        running.address = f"http://127.0.0.1:{running.server_address[1]}/film.ts"
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def pointers(target: str) -> dict[str, str]:
    """Files that only name `target`, in every form that ffmpeg knows."""
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
        "hls after a mark": f"\ufeff#EXTM3U\n#EXTINF:10,\n{target}\n",
        "concat": f"ffconcat version 1.0\nfile '{target}'\n",
        "old concat": f"file '{target}'\n",
        "dash": f'<?xml version="1.0"?>\n<MPD type="static"><Period><BaseURL>{target}</BaseURL></Period></MPD>',
        "smooth": f'<SmoothStreamingMedia Url="{target}"/>',
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "address": target,
        "pls": f"[playlist]\nFile1={target}\n",
        "reference movie": f"\0\0\1\0moov\0\0\0\x40rmra\0\0\0\x38rmda\0\0\0\x30rdrf\0\0\0\0url \0\0\0\0{target}\0",
        "xspf": f'<playlist version="1"><trackList><track><location>{target}</location></track></trackList></playlist>',
    }


@pytest.mark.parametrize("kind", pointers(""))
def test_a_playlist_or_script_is_forbidden_whatever_its_name(tmp_path, film, server, kind):
    for target in (f"file://{film}", server.address):
        path = tmp_path / "film.mp4"
        path.write_text(pointers(target)[kind])
        with pytest.raises(ForbiddenInput, match="points at other files"):
            probe(str(path))
    assert not server.asked


@pytest.mark.parametrize("kind", ["hls", "concat", "dash", "sdp"])
def test_ffmpeg_itself_opens_no_other_file_and_no_network(tmp_path, film, server, kind):
    for target in (f"file://{film}", str(film), server.address):
        path = tmp_path / "film.m3u8"
        path.write_text(pointers(target)[kind])
        fd = os.open(path, os.O_RDONLY)
        options = words_of(safe_input(fd))
        done = run_ffmpeg([*options, "-i", "fd:", "-f", "null", "-"], deadline_s=20, pass_fds=[fd])
        os.close(fd)
        assert done.returncode != 0
    assert not server.asked


def _alias(target: bytes) -> bytes:
    """A QuickTime data reference (`alis`) to another file, with its absolute and its relative path."""
    folder = target.rsplit(b"/", 1)[0].rsplit(b"/", 1)[-1]
    name = target.rsplit(b"/", 1)[-1]
    fixed = bytes(10) + bytes([7]) + b"Macinto".ljust(27, b"\0") + bytes(12)
    fixed += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16) + (0).to_bytes(2, "big") + (1).to_bytes(2, "big")
    fixed += bytes(16)
    records = b""
    for kind, value in ((0, folder), (2, b"Macinto" + target.replace(b"/", b":")), (18, target[1:])):
        records += kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + b"\0" * (len(value) % 2)
    body = b"\0\0\0\0" + fixed + records + (0xFFFF).to_bytes(2, "big") + b"\0\0"
    return (len(body) + 8).to_bytes(4, "big") + b"alis" + body


def _with_reference(data: bytes, reference: bytes) -> bytes:
    """Replace the `url ` self-reference of a film whose index is at its end, and mend the sizes around it."""
    at = data.index(b"url \0\0\0\1") - 4
    grown = len(reference) - 12
    data = bytearray(data[:at] + reference + data[at + 12 :])
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        place = data.rindex(box, 0, at) - 4
        size = int.from_bytes(data[place : place + 4], "big")
        data[place : place + 4] = (size + grown).to_bytes(4, "big")
    return bytes(data)


@pytest.fixture
def pointing(tmp_path, draw):
    """A film without pixels of its own, whose track lies in another file."""
    data = draw("secret.mov", "color=red:d=1:s=64x64").read_bytes()
    data = _with_reference(data, _alias(str(tmp_path / "secret.mov").encode()))
    start = data.index(b"mdat") + 4
    size = int.from_bytes(data[start - 8 : start - 4], "big") - 8
    path = tmp_path / "pointing.mov"
    path.write_bytes(data[:start] + bytes(size) + data[start + size :])
    return path


def test_a_track_that_lies_in_another_file_is_not_followed(pointing):
    seen = Recorder(a=VideoStream(width=8, height=8))
    with pytest.raises(ForbiddenInput, match="another file"):
        read_film(str(pointing), probe(str(pointing)), [seen], deadline_s=20)
    assert not seen.batches["a"]


def test_the_track_would_be_followed_if_it_were_allowed(pointing):
    follow = ["-enable_drefs", "1", "-use_absolute_path", "1", "-i", str(pointing)]
    picture = run_ffmpeg([*follow, "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"], deadline_s=20).stdout
    assert picture[0] > 200


@pytest.mark.parametrize(
    "content", [b"hello, I am a text\n" * 50, b"\0" * 5000, os.urandom(5000), b"", b"<html></html>"]
)
def test_what_is_no_film_is_called_so(tmp_path, content):
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(NotAFilm):
        probe(str(path))


def test_a_missing_file_and_a_broken_link_are_missing(tmp_path):
    (tmp_path / "link.mp4").symlink_to(tmp_path / "nowhere.mp4")
    with pytest.raises(FilmMissing, match="nowhere"):
        probe(str(tmp_path / "link.mp4"))
    with pytest.raises(FilmMissing):
        probe(str(tmp_path / "absent.mp4"))


def test_a_folder_or_a_pipe_is_no_film(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path, tmp_path / "pipe.mp4"):
        with pytest.raises(NotAFilm, match="regular file"):
            probe(str(path))


NAMES = ["with space.mp4", 'it\'s "quoted".mp4', "new\nline.mp4", "%d 100%.mp4", "фильм 映画 é.mp4", "-dash.mp4"]
NAMES += ["http:film.mp4", "concat:a|b.mp4", "[0:v];null,x=y\\.mp4", "$HOME `id`.mp4", "film.m3u8", "noext"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_works(tmp_path, film, read, monkeypatch, name):
    (tmp_path / name).write_bytes(film.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert read(name, clock=VideoClock()).report.frames == 250


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "flv"])
def test_a_film_that_was_cut_off_is_damaged(tmp_path, film, suffix):
    whole = remux(film, tmp_path / f"whole.{suffix}", *(["-movflags", "+faststart"] if suffix == "mp4" else []))
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    seen = Recorder(clock=VideoClock(), s=SoundStream())
    with pytest.raises(DamagedFilm, match="declares"):
        read_film(str(cut), probe(str(cut)), [seen], deadline_s=20)
    assert seen.report is None


def test_a_film_without_its_index_is_damaged(tmp_path, draw):
    whole = draw("whole.mp4", "testsrc2=d=2:s=64x64")
    whole.write_bytes(whole.read_bytes()[:20000])
    with pytest.raises(DamagedFilm, match="moov"):
        probe(str(whole))


def _spoil(source, target, *, every: int):
    data = bytearray(source.read_bytes())
    for place in range(30_000, len(data), every):
        data[place] ^= 0xFF
    target.write_bytes(data)
    return str(target)


def test_a_few_damaged_packets_are_concealed(tmp_path, film):
    path = _spoil(film, tmp_path / "few.mp4", every=200_000)
    seen = Recorder(clock=VideoClock())
    result = read_film(path, probe(path), [seen], deadline_s=20)
    assert 0 < result.damaged_pictures + result.decode_errors < 25
    assert 245 <= result.frames <= 250 and seen.report is not None


def test_a_film_with_too_much_damage_is_damaged(tmp_path, film):
    path = _spoil(film, tmp_path / "many.mp4", every=1500)
    with pytest.raises(DamagedFilm, match="cannot be decoded") as caught:
        read_film(path, probe(path), [Recorder(clock=VideoClock())], deadline_s=20)
    assert "error" in caught.value.log_tail


def test_a_film_of_which_no_picture_decodes_is_damaged(tmp_path, draw):
    whole = draw("film.mp4", "testsrc2=d=2:s=64x64", options=["-c:v", "libx264", "-movflags", "+faststart"])
    data = whole.read_bytes()
    start = data.index(b"mdat") + 4
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data[:start] + bytes(len(data) - start))
    with pytest.raises(DamagedFilm):
        read_film(str(broken), probe(str(broken)), [Recorder(clock=VideoClock())], deadline_s=20)
