"""The same small film of the eluv.io challenge, as PyTorch 2.13 pickles and saves it, and pickles that do harm.

imdb_id tt0000001, three shots that end at frames 23, 47 and 95; a scene ends with the second. `cast` is a transposed
view, `action` begins within the storage of `place`, `audio` is half precision.
"""

import base64
import io
import os
import pickle
import struct
import zipfile
import zlib
from typing import Any

import numpy as np

FILES = {
    "plain": (
        "c-rmO&u-H&7yxkRPdlyarfnC*Z3l#kkV=}iY?F}2N|}(t-*L$WS!v>}Mp;}Z&ZHqt>ZKE)+%Pu|h!c;&Bk%|u;SrE_;A@)Ec"
        "4{QF6O(4;i(BW5WB+1T?du=E%%ij%%Stjw54;Yho=oP2Fw#<!NulREE|E!Du+Z&RaV)4G$z&CWq!Ux$!-5163-O^TKR_poqq"
        "GPrXCH1`#y)dAyce<q+&K~?f~?kU1);wBzT}^N+WEcq`s?%S)xP@Vmj>r!jw<#tjHnkf!CdC!LlQ=m1zdpydl9bqR0yA75_r"
        "@Jxcb&EL8Cb85ggGsB;wjJ*DH1b8lx@?1us~tt-&`M2wt>wTOanpf_*+`>2VCttk`qI<k65ha?>f4c3|M*<*2d56?+MCHXHT"
        "LTHRRRFq+1?$w&RVy_joO`KjRg3+U|?N3(Jjr&>mnrN0HI`*1+?AwENVgZKe~wh>x}Sc5RO<v{LA3t5__pGZr$loR<bSpXZK"
        "xB_V4bu2s!JrWYHO<e)Pw|1p~dlKDsA|boQN_YMW{i5h9pevRJ=-rhw*rJolU(sHiR?TSDbUlx03r_4&mdO?`gX|;6-<t(%n"
        "zeep)-;VN*y2psaW23X$Ex>$w1wK};q-buk9IS1NkFg&ogkvam5Dnn4m>A3!u#Ry6I_Z#ccl8@^uH%<G3MuxHjVmvqcKIQ=8"
        "<N(K&qaBDrb=D0JimD67fbpVh?^>>ExC#UxtO*W^u<Sd3(OrY;OFE<2ZNHF)iP>M)l9FeAOkGf*4K}{scG&B=cLn41SLxC0F"
        "mRX-?~D`Fd$C=xLeTwXD9A)i|sFZu0YrarF<~r>0Q"
    ),
    "zip": (
        "c-o~_&u`mQ9Dn)cWNAs$GHBO98DnfITT>@a(quoH)+z?cNOVC+78lD&oW#P7`*mIlLz<|BT4_f(Z~?&%{0|)Agv0^F?h`_)g"
        "x~}>5GUUA%Ut_)P50v|-#puSpC9jQf4|PA8jB;8N}(eoi)N7FwtCi%x!g9ek>7sbR^$wNFEn<ew*lp}Bmr1k?WS(EA)=ikXB"
        "dm#C_q$8kn?TZXqgaeVTW+$^&z(GL0Wgs=Fqa+IyU<Q$JKX=X^7_--GHn#x+WwTB(2zvf!|>l(;#ROvPOiY79(?Odk86Y62q"
        "yRDpF%=d>_(kT#f9*#GO{lv2C-3EvG+7zwNe7*KBWCEu4nQ#RfcsA=7{<ElydC0fuak80aN>LND3#D5n`^bRTBah#K36XYce"
        "V@-&9$8t}X(5TxPJ!z_=TyQxMQ_6#{7cIFxOEQS{v@S>L(W7xJFSYXi6Uf(qAj=$BHysZ}C9N`o&yzKiq&p2OUoEI>>+JKAN"
        "MVh;o**A6U8vTJqo#{<y*l!!|Exqf~Bl6P__ux`URCXNO7tML1MOY-FQ4Ft9(dZsrRwH|Gg$XWU$TwhFyD(O8o21)f=@CP68"
        "_uw4o4#Pd6O^FH1f`K+i3*mPU<JcU1FBkv3iceVn`9>)*Vr<l7NUO3>34nNs~&L)t`XuGhU;GX_TUC3US-5}3~LQoALcjJWG"
        "eN=-<_YM2+`O)wmN3fl3yM9j^l0_Sl=<-0okV_FLFgPW)!I8w}0LLgqoyryyQGuIg}h#hi=$bx4&ifu_8;4u6j5sC2FAl0sK"
        "j}i=tx<OryGQpm__M4lO1{zV;-#4~A`FY@5`>-i?DZw3dXi9x`Y()RmS+MZWqJ1{mvZoqVm44~bn8cS(Ft;x`g#o%BKy=SYa"
        "_)ai$}JF6n?J|{Rm9d=q!<ScrK{&k`(qYd;r<^J#NPv1<Ei<2jCSHs*zMJ_#27Epw$TIYYQoP7T?#AZlUQsmXAx%qznf2p(i"
        "k2-bp!`BDRtoH^Q@1_)XQ&ME{vE9s$*p^4LKANeIH$FE0og>F{V|`4a%f1i416+DkBT||w-TSKh?#cOIK*hrb;B9$ex)$jG9"
        "~oZHwc3iDf6NSsV!2$XiG^xeDvDCMCazRh*jcSoD;FzLO)3|PQkA;Q|9J3wj`+xVE+f>e?=#pnvqzls|08&GumR47_Z&mV^;"
        "w=I*u>^TB%cOJj&x3*C)kLlLp(EabhH8T@L+eygy5gY5!btTY_R&n*tG<QE%4Z24TrH`^4KDe4OUzjJ0oydiN^-3B#gbwV@o"
        "_X_}ov0u(>4StBMB)AIF6d__F}`;f1oP3c?lt5nJ++6Wsh=l+D%DgSH^h|EB1lG&^T+?1aED6W)5Z_J7~aip2"
    ),
    "legacy": (
        "c-noF-BQy)7>3g%EfPWT7x5Pr5&S7>+EP%ofXFx#|A;3!aWZMLkT@aRFWE4IGtBgaj(80oc<5z#30{JSdI`>W;FoNu*6Fa*F"
        "Pm<5-{;Mn-H!NC34VWC|26sU%j=19M||;9!s{LgGv=5e2<?b6>d?U2AyMqp5DGZK9K|Pr&sab#61u(}g80EyaFFe`i52_rNe"
        "t2+$TMaU2V;*$42rsFO8CzY8I*L{lv52FZo!Z)C&?jmD4ntGwk+R;f;pT@GBs-z5Hq!QU^@gPhtbIK%2vYsAXco1v=TpXEk?"
        "qaM%Ip|Af3y_IMd!DP~=OL^?=&!4IfmXWS+n|i?!-vrK&a-)VkWxU?_9yv=ca{kGy0syrB!aq|04UbXhNS;rM}rp#;QXm`SX"
        ">id+&Acg=U00wc2qj50W3z{%_-9Xn<)=Aj+0=ncf3@;K%+$B11xqZf3k3uh0!RP7vt^9GEYC0uG}NVss6-bAi<aYGlm-X*+2"
        "+n2fC6$V!gxR%9fC$3LnlFQ`@J+p(&UO?CX5;Uz+tyb!q3OA5YLc-0S<0($K#R=04ZW}OTPN(@hBqSD#>@fCI?^cT@p=(FG)"
        ">f3>;iH6kFxzKgmC~SR;ZC20x>{}2YH$}Vh-l$nYC+tG`+8v?${at(KsBIZP92GF<0tcZoLV1zjV7&t^zhaGj4So}LJev;zM"
        "kXfQ+$Kt7Z@xW@E}`;o1dkJ#M+GPZ2}MbK+kdi_b^NUVdgch29FRUA?9%w^gc9G%reKUFjzI<NqTnPre|lscPb1@P8_snq(L"
        "t!53*Dw<#Z$FZAn-bR)sa;sdzY27!m$$ohDwE@rTvH`i%7z>pPaPA_!wxlUVAC*thOmllMQGQa&=C_j7q~<^3NqLNI3"
    ),
}
NUMBERS = np.arange(12, dtype=np.float32)
FILM: dict[str, Any] = {
    "imdb_id": "tt0000001",
    "place": NUMBERS.reshape(3, 4),
    "cast": NUMBERS.reshape(4, 3).T[:, :2],
    "action": NUMBERS[2:8].reshape(3, 2),
    "audio": np.arange(6, dtype=np.float16).reshape(3, 2),
    "scene_transition_boundary_ground_truth": np.array([False, True]),
    "scene_transition_boundary_prediction": np.array([0.25, 0.75]),
    "shot_end_frame": np.array([23, 47, 95]),
}


def film_bytes(form: str) -> bytes:
    """The film as `plain` (pickle.dump), `zip` or `legacy` (torch.save, before the zip)."""
    return zlib.decompress(base64.b85decode(FILES[form]))


def changed(**values: Any) -> bytes:
    """The film as arrays, with other values; None leaves a key out."""
    return pickle.dumps({name: value for name, value in {**FILM, **values}.items() if value is not None})


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Any, *arguments: Any):
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


def harmful(place: str) -> dict[str, bytes]:
    """Pickles that would make the file `place`, each in another way."""
    code = f"open({place!r}, 'w')"
    return {
        "os.system": pickle.dumps(Call(os.system, f"touch {place}")),
        "eval": pickle.dumps({"place": Call(eval, code)}, protocol=4),
        "exec in a list": pickle.dumps([Call(exec, code)], protocol=0),
        "a class's new": b"\x80\x02cio\nFileIO\nX"
        + struct.pack("<I", len(place))
        + place.encode()
        + b"X\x01\x00\x00\x00w\x86\x81.",
        "an instance": b"(S'" + code.encode() + b"'\ni__builtin__\neval\n.",
        "an object": b'(c__builtin__\neval\nS"' + code.encode() + b'"\no.',
        "an extension": b"\x80\x02\x82\x01.",
        "within a tensor's storage": b"\x80\x02ctorch.storage\n_load_from_bytes\nC"
        + bytes([len(inner := pickle.dumps(Call(eval, code)))])
        + inner
        + b"\x85R.",
        "a name with dots": b"\x80\x04\x8c\x0ccollections.\x94\x8c\x0b_sys.stdout\x93.",
        "attributes of what is known": b"\x80\x04\x8c\x05torch\x8c\x17FloatStorage.__init__.x\x93.",
    }


def tensor_bytes(offset: int, size: tuple[int, ...], stride: tuple[int, ...], count: int = 4, told: int = 4) -> bytes:
    """A `torch.save` file before the zip with one tensor over a storage of `count` floats, said to be `told`."""

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", value) for value in values) + b"t"

    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    storage += b"\x8a\x08" + struct.pack("<q", told) + b"NtQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"\x8a\x08" + struct.pack("<q", offset)
    tensor += numbers(size) + numbers(stride) + b"\x89ccollections\nOrderedDict\n)RtR"
    file = io.BytesIO()
    for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        file.write(pickle.dumps(part, 2))
    file.write(b"\x80\x02" + tensor + b"." + pickle.dumps(["0"], 2))
    file.write(struct.pack("<q", count) + np.arange(count, dtype="<f4").tobytes())
    return file.getvalue()


def state_dict_pickle(attribute: str = "_metadata") -> bytes:
    """The pickle in a `torch.save` file of `Linear(2, 2).state_dict()` with its weights alone: an OrderedDict that
    carries an attribute with another one."""

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    ordered = b"ccollections\nOrderedDict\n)R"
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x04tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00K\x02K\x02\x86K\x02K\x01\x86\x89" + ordered
    weights = b"(" + text("weight") + tensor + b"tRu"
    layers = ordered + b"(" + text("") + b"}" + text("version") + b"K\x01su"
    return b"\x80\x02" + ordered + weights + b"}" + text(attribute) + layers + b"sb."


def torch_zip(pickled: bytes, **change: Any) -> bytes:
    """A `torch.save` file with this pickle over four numbers; change: attributes of the zip's parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (("data.pkl", pickled), ("byteorder", b"little"), ("data/0", NUMBERS[:4].tobytes())):
            archive.writestr(f"archive/{name}", content)
        for info in archive.infolist():
            for attribute, value in change.items():
                setattr(info, attribute, value)
    return file.getvalue()
