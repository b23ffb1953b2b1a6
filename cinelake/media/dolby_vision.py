"""Dolby Vision of which a film's container says nothing: its profile, by the metadata of a picture."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX, RPU_TYPE = 0x19, 2
"""How metadata of a picture begin, and the only type of them (ETSI GS CCM 001, annex C)."""
OTHER_FORM = 0x700
"""Bits of the format that are 0 in what has been standardised."""
FULL_BIT_DEPTH = 12
LONGEST = 32
"""Bits of the longest number."""


def profile_of(metadata: bytes) -> int | None:
    """The profile of the metadata (RPU) that a picture of HEVC carries; None where it is of none that is known.

    The metadata name no profile: as ffmpeg does, it is told by the range of the pictures, and by what lies on them.
    """
    bits = _Bits(metadata.replace(b"\0\0\3", b"\0\0"))
    if bits.number(8) != PREFIX or bits.number(6) != RPU_TYPE:
        return None
    form, kind, _level, is_described = bits.number(11), bits.number(4), bits.number(4), bits.number(1)
    if not is_described or form & OTHER_FORM:
        return None
    _filtered, coefficients = bits.number(1), bits.number(2)
    if coefficients == 0:
        bits.exponential()
    _normalised, is_full_range = bits.number(2), bits.number(1)
    _base, _enhancement, depth = bits.exponential(), bits.exponential(), 8 + bits.exponential()
    _resampled, _reserved, is_larger, has_no_residual = bits.number(1), bits.number(3), bits.number(1), bits.number(1)
    if kind == 0:
        return 5 if is_full_range else None
    if kind > 1:
        return None
    if is_larger and not has_no_residual:
        return 7 if depth == FULL_BIT_DEPTH else 4
    return 8


@dataclass
class _Bits:
    """Reads numbers from bits; after the last one all are 1."""

    data: bytes
    place: int = 0

    def number(self, count: int) -> int:
        """The next `count` bits."""
        value = 0
        for _ in range(count):
            byte, bit = divmod(self.place, 8)
            value = value << 1 | (self.data[byte] >> (7 - bit) & 1 if byte < len(self.data) else 1)
            self.place += 1
        return value

    def exponential(self) -> int:
        """The next number in the code of Exp-Golomb (ITU-T H.265, 9.2)."""
        zeros = 0
        while not self.number(1) and zeros < LONGEST:
            zeros += 1
        return (1 << zeros) - 1 + self.number(zeros)
