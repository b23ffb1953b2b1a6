"""Names of languages as files and people write them (`de`, `de-AT`, `ger`, `deu`), brought to one."""

from __future__ import annotations

_PAIRS = (
    "ababk aaaar afafr akaka sqalb amamh arara anarg hyarm asasm avava aeave ayaym azaze bmbam babak eubaq bebel "
    "bnben bhbih bibis bsbos brbre bgbul mybur cacat chcha ceche zhchi cuchu cvchv kwcor cocos crcre hrhrv cscze "
    "dadan dvdiv nldut dzdzo eneng eoepo etest eeewe fofao fjfij fifin frfre ffful glglg lglug kageo deger elgre "
    "gngrn guguj hthat hahau heheb hzher hihin hohmo huhun isice ioido igibo idind iaina ieile iuiku ikipk gagle "
    "itita jajpn jvjav klkal knkan krkau kskas kkkaz kmkhm kikik rwkin kykir kvkom kgkon kokor kjkua kukur lolao "
    "lalat lvlav lilim lnlin ltlit lulub lbltz mkmac mgmlg msmay mlmal mtmlt gvglv mimao mrmar mhmah mnmon nanau "
    "nvnav ngndo nenep ndnde sesme nbnob nnnno nonor nynya ococi ojoji orori omorm ososs pipli papan faper plpol "
    "ptpor pspus quque rorum rmroh rnrun rurus smsmo sgsag sasan scsrd gdgla srsrp snsna iiiii sdsnd sisin skslo "
    "slslv sosom nrnbl stsot esspa susun swswa ssssw svswe tltgl tytah tgtgk tatam tttat tetel ththa botib titir "
    "toton tstso tntsn trtur tktuk twtwi uguig ukukr ururd uzuzb veven vivie vovol wawln cywel fyfry wowol xhxho "
    "yiyid yoyor zazha zuzul "
)
"""ISO 639-1 and ISO 639-2 (bibliographic), two and three letters each (Library of Congress, 2024)."""

_TERMINOLOGICAL = (
    "albsqi armhye baqeus burmya chizho czeces dutnld frefra geokat gerdeu greell iceisl macmkd maomri maymsa perfas "
    "rumron sloslk tibbod welcym "
)
"""Bibliographic and terminological codes of ISO 639-2 where they differ."""
_NEWER = {pair[:3]: pair[3:] for pair in _TERMINOLOGICAL.split()}
_KNOWN = _NEWER | {pair[:2]: _NEWER.get(pair[2:], pair[2:]) for pair in _PAIRS.split()}


def language_code(name: str) -> str:
    """A language as the three letters of ISO 639-2/T: `de`, `de-AT`, `ger` and `deu` are all `deu`.

    What is no such code stays as it is, in lower case; `und` (undetermined) and nothing are ''.
    """
    word = name.strip().lower().replace("_", "-").partition("-")[0]
    return "" if word == "und" else _KNOWN.get(word, word)
