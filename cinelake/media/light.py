"""From a film's own light to what a person sees on an ordinary screen (BT.709): the filters, and libav's colour names.

White of paper is 203 nits in PQ and 75 % of signal in HLG (ITU-R BT.2408): that becomes white here, what is brighter
(lamps, the sun) is clipped with its hue kept. Everything darker stays where a person would see it in the ordinary
master of the film, so that tables made of either agree.
"""

from __future__ import annotations

from cinelake.errors import ColoursNotShown
from cinelake.spec.film import HIGH_DYNAMIC_RANGE, VideoInfo

WHITE_NITS = 203
"""Luminance of the white of paper in HDR (ITU-R BT.2408-7, table 1)."""

FULL_RANGE = 2
"""libav's number of the full range."""
RANGES = {1: "limited", FULL_RANGE: "full"}
UNNAMED = (0, 2)
"""libav's numbers of primaries and transfers that mean: not declared."""
MATRICES = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
    10: "bt2020c", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp", 15: "ipt-c2", 16: "ycgco-re",
    17: "ycgco-ro",
}  # fmt: skip
"""libav's numbers of matrix coefficients (ITU-T H.273) and ffmpeg's names of them."""
PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020", 10: "smpte428",
    11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
TRANSFERS = {
    1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316",
    11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084",
    17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip

_TO_SCREEN = {"gamma22": "bt470m", "gamma28": "bt470bg", "bt1361e": "bt709", "smpte428": "bt709"}
"""Transfers by the names that zscale has for them, or for the nearest."""

UNSCALED = ("ycgco", "bt2020c", "chroma-derived-nc", "chroma-derived-c", "ictcp")
"""Matrices that ffmpeg's scaler refuses: pictures go past it under another name, and zscale is told the right one."""

FilterStep = tuple[str, tuple[tuple[str, str], ...]]
"""One filter and its options; `format`: the pixel format that it leaves."""


def check_colours(name: str, video: VideoInfo) -> None:
    """Raise `ColoursNotShown` for a film whose pictures would have wrong colours; name: of the film, for the words."""
    if why := video.why_not_shown:
        raise ColoursNotShown(
            f"the pictures of {name} are {why}: their colours would be wrong. Use another master of the film (HDR10, "
            "SDR, Dolby Vision profile 8), or accept them as they are, wrong hues included: `accept: yes` in the list, "
            "or the film's movie_id in `catalogue.accept`"
        )


def filter_step(name: str, **options: str) -> FilterStep:
    """One filter."""
    return name, tuple(options.items())


def renamed(video: VideoInfo) -> list[FilterStep]:
    """What must stand before everything else: another name for a matrix that the scaler refuses."""
    return [filter_step("setparams", colorspace="bt709")] if video.matrix in UNSCALED else []


def declared_colours(video: VideoInfo) -> dict[str, str]:
    """The film's colours as options of a decoder that does not see the container, which may be what declares them."""
    named = {
        "color_range": (RANGES, video.declared_range),
        "colorspace": (MATRICES, video.matrix),
        "color_primaries": (PRIMARIES, video.primaries),
        "color_trc": (TRANSFERS, video.transfer),
    }
    return {option: str(n) for option, (names, own) in named.items() for n, name in names.items() if name == own}


def whole_pictures(video: VideoInfo) -> list[FilterStep]:
    """Filters that make whole pictures of fields, each at its own picture's time; none for a progressive film.

    Of film that was spread over fields, each picture is put together of the fields that were one (`fieldmatch`); what
    is combed after that, and all of an interlaced film, is deinterlaced (`bwdif`). No picture is added or dropped.
    """
    if video.scan == "progressive":
        return []
    parity = {True: "tff", False: "bff", None: "auto"}[video.top_first]
    deinterlaced = "interlaced" if video.fields_flagged or video.scan == "telecine" else "all"
    steps = [filter_step("fieldmatch", order=parity, mode="pc_n", combmatch="full")] if video.scan == "telecine" else []
    steps.append(filter_step("bwdif", mode="send_frame", parity=parity, deint=deinterlaced))
    return [*steps, filter_step("settb", expr="intb*2")]  # bwdif halves the unit of times


def without_bars(video: VideoInfo) -> list[FilterStep]:
    """The filter that cuts black bars off."""
    left, right, top, bottom = video.bars
    if not any(video.bars):
        return []
    return [filter_step("crop", w=f"iw-{left + right}", h=f"ih-{top + bottom}", x=str(left), y=str(top), exact="1")]


def spread(video: VideoInfo) -> list[FilterStep]:
    """Filters that spread RGB of the limited range, which is rare and which the scaler takes for the full one."""
    if not video.is_rgb or video.declared_range != "limited":
        return []
    black, white = 16 / 255, 235 / 255
    ends = {f"{colour}i{end}": f"{value:.8f}" for colour in "rgb" for end, value in (("min", black), ("max", white))}
    return [filter_step("colorlevels", **ends)]


def scaled_format(video: VideoInfo) -> str:
    """The pixel format in which the pictures of a film whose light is converted are made smaller."""
    if video.is_rgb:
        return "gbrp16le"
    return "yuv420p10le" if video.bit_depth > 8 else "yuv420p"


def _without_ycgco(full: str) -> FilterStep:
    """From YCgCo, which zscale does not know, to the matrix of BT.709; transfer and primaries stay what they are."""
    same = {f"{side}{name}": "bt709" for side in ("i", "") for name in ("trc", "primaries")}
    source = {"ispace": "ycgco", "irange": "pc" if full == "full" else "tv"}
    return filter_step("colorspace", **source, **same, space="bt709", range="tv")


def as_seen(video: VideoInfo) -> list[FilterStep]:
    """Filters from `scaled_format` to YUV 4:2:0 of BT.709, limited range, as a person would see the film."""
    if video.conversion != "light":
        return []
    bright = video.transfer in HIGH_DYNAMIC_RANGE
    transfer, primaries = video.transfer or "bt709", video.primaries or ("bt2020" if bright else "bt709")
    matrix = "gbr" if video.is_rgb else video.matrix or ("bt2020nc" if bright else "bt709")
    # What goes in and what comes out are both named: a film that names only some of it has no path to the others.
    transfer = _TO_SCREEN.get(transfer, transfer)
    named = {"tin": transfer, "pin": primaries, "p": primaries}
    full = "full" if video.is_rgb or video.full_range else "limited"
    steps = []
    if matrix == "ycgco":
        steps.append(_without_ycgco(full))
        matrix, full = "bt709", "limited"
    as_rgb = {"t": transfer, "m": "gbr", "r": "full", "format": "gbrpf32le"}
    steps.append(filter_step("zscale", min=matrix, rin=full, **named, **as_rgb))
    steps.append(filter_step("zscale", **named, t="linear", npl=str(WHITE_NITS), format="gbrpf32le"))
    steps.append(filter_step("zscale", t="linear", p="bt709", format="gbrpf32le"))
    if bright:
        steps.append(filter_step("tonemap", tonemap="clip", desat="2"))
    return [*steps, filter_step("zscale", t="bt709", p="bt709", m="bt709", r="limited", format="yuv420p")]
