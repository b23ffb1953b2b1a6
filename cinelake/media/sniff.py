"""Does a file only point at other files? Decided by its first bytes, whatever its name."""

from __future__ import annotations

import re

_POINTERS = (
    (rb"#EXTM3U", "an HLS or M3U playlist"),
    (rb"ffconcat version", "an ffmpeg concat script"),
    (rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<([\w-]+:)?MPD\b", "a DASH manifest"),
    (rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<SmoothStreamingMedia\b", "a Smooth Streaming manifest"),
    (rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<([\w-]+:)?CompositionPlaylist\b", "an IMF playlist"),
    (rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(playlist|smil|asx|ASX)\b", "a playlist"),
    (rb"v=0\r?\no=", "an SDP description of a network stream"),
    (rb"\[(playlist|Reference)\]", "a playlist"),
    (rb"(rtsp|rtmp|https?|ftp|file|concat|subfile)t?://", "a list of addresses"),
    (rb"file\s+['\"\w/.]", "an ffmpeg concat script"),
    (rb".{4}(ftyp.{0,64})?moov.{0,200}?rmra", "a reference movie of QuickTime"),
)


def pointer_kind(head: bytes) -> str | None:
    """What kind of playlist, script or description the first bytes of a file are; None for anything else."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, kind in _POINTERS:
        if re.match(pattern, text, re.DOTALL | (re.IGNORECASE if kind == "a playlist" else 0)):
            return kind
    return None
