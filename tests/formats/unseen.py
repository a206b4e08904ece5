"""A profile as an outsider would write it from the contract alone: other letters, era dates, an inline code map."""

from __future__ import annotations

from pathlib import Path

TOML = """[profile]
name = "somecity-host"
label = "某市ホスト"
edition = "2026-04"

[billing]
form = "fixed"
layout = "chotei.csv"
encoding = "cp932"
newline = "crlf"
"""

LAYOUT = """record,no,name,ja,kind,form,width,unit,need,codes,path,source
header,1,_rec,レコード区分,const,,1,byte,required,H,,p.1 r.1
header,2,municipality_code,団体コード,digit,,6,digit,required,,,p.1 r.2
header,3,file_created_on,作成日,date,wareki7,7,digit,required,,,p.1 r.3
header,4,file_sequence,連番,digit,zero,4,digit,required,,,p.1 r.4
header,5,file_business_day,業務日,date,wareki7,7,digit,optional,,,p.1 r.5
header,6,_pad,予備,filler,,90,byte,,,,p.1 r.6
data,1,_rec,レコード区分,const,,1,byte,required,D,,p.2 r.1
data,2,fund_code,科目,code,,2,digit,required,01=601;02=602;11=611,,p.2 r.2
data,3,levy_year,賦課年度,year,western,4,digit,required,,,p.2 r.3
data,4,relevant_year,相当年度,year,wareki,2,digit,optional,,,p.2 r.4
data,5,notice_number,通知書番号,alnum,space,12,byte,required,,,p.2 r.5
data,6,installment,期別,digit,zero,2,digit,required,,,p.2 r.6
data,7,addressee_number,宛名番号,digit,zero,10,digit,optional,,,p.2 r.7
data,8,charge_yen,調定額,yen,zero,9,digit,required,,,p.2 r.8
data,9,reminder_fee_yen,督促,yen,zero,5,digit,optional,,,p.2 r.9
data,10,due_on,納期限,date,wareki7,7,digit,optional,,,p.2 r.10
data,11,payer_kana,氏名カナ,kana,half,20,byte,optional,,,p.2 r.11
data,12,payer_name,氏名,text,,20,byte,optional,,,p.2 r.12
data,13,_flag,旧区分,digit,,1,digit,,,,p.2 r.13
data,14,core_key,キー,alnum,,20,byte,optional,,,p.2 r.14
trailer,1,_rec,レコード区分,const,,1,byte,required,T,,p.3 r.1
trailer,2,_count,件数,count,zero,7,digit,required,,,p.3 r.2
trailer,3,_sum,合計,sum,zero,13,digit,required,,,p.3 r.3
trailer,4,_pad,予備,filler,,94,byte,,,,p.3 r.4
end,1,_rec,レコード区分,const,,1,byte,required,E,,p.4 r.1
end,2,_count,総件数,count,all,7,digit,required,,,p.4 r.2
end,3,_pad,予備,filler,,107,byte,,,,p.4 r.3
"""


def write_profile(folder: Path, toml: str = TOML, **layouts: str) -> Path:
    """A profile folder; ``layouts`` are file names without ``.csv`` and their text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profile.toml").write_text(toml, encoding="utf-8")
    for name, text in (layouts or {"chotei": LAYOUT}).items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def field(text: str, width: int) -> bytes:
    """Bytes of a text, filled right with spaces."""
    return text.encode("cp932").ljust(width)


def header(newline: bytes = b"\r\n") -> bytes:
    return b"H1310165081001" + b"0012" + b"5081001" + b" " * 90 + newline


def data(notice: str = "A000000001", yen: bytes = b"000012300", newline: bytes = b"\r\n", name: bytes | None = None) -> bytes:
    shown = field("表　能一", 20) if name is None else name
    fields = (
        b"D",
        b"01",
        b"2026",
        b"07",
        field(notice, 12),
        b"03",
        b"0" * 10,
        yen,
        b"00080",
        b"5081031",
        field("ｵﾓﾃ ﾉｳｲﾁ", 20),
        shown,
        b"0",
    )
    return b"".join(fields) + field("KEY-1", 20) + newline


def trailer(count: int = 2, total: int = 24760, newline: bytes = b"\r\n") -> bytes:
    return b"T%07d%013d" % (count, total) + b" " * 94 + newline


def end(count: int = 5, newline: bytes = b"\r\n") -> bytes:
    return b"E%07d" % count + b" " * 107 + newline
