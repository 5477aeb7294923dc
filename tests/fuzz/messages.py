"""Random and mutated message values: valid ones, what comes of them by accidents, and plain noise."""

from __future__ import annotations

import random

CSV_SEEDS = [
    b"1,abc,2020-05-08,1.50",
    b"2,\\N,\\N,\\N",
    b'"3","a,""b""\n",2020-5-8,".5"',
    b"4,x\\,y,20200508,-0\n5,z,,1e2\n",
    b"-2147483648,\xe6\x97\xa5\xe6\x9c\xac,0001-01-01,999.99\r\n",
    b" 6 , y ,2020-05-08 , 7 ",
    b"1||abc||2020-05-08||1.50##2||d||\\N||3",
    b"\n\n1,a,b\n1,a,2020-01-01,2,5\n",
    b"",
    b"\n",
]
JSON_SEEDS = [
    b'{"k":1,"v":"abc","d":"2020-05-08","n":1.50}',
    b'{"k":"2","v":{"x":[1,{"y":null}]},"d":20200508,"n":"1e1"}',
    b'{"k":null,"v":true,"k":3,"extra":{"k":4}}{"k":5} {"K":6}\n{}',
    b'[{"k":1,"v":"a"},{"k":2,"n":0.10000000000000000001},[],"x",3]',
    b'{"a":{"k":7,"v":["p","q"]},"d":"2020-05-08"}',
    b'{"a":[{"k":8},{"k":9,"n":12345678901234567890}],"v":"\\u65e5\\ud83d\\ude00\\u0000"}',
    b'\xef\xbb\xbf{"k":10,"v":"\xe6\x97\xa5"}',
    b"[]",
    b" \n",
    b"null",
]
AVRO_SEEDS = [
    bytes.fromhex(each)
    for each in (
        "000000000102 02 04 6162 02 a0a702 04 3039 00",
        "000000000103 00 00 01 ff 04 02 02 6b 0204 04 6b 00",
        "000000000102 02 00 00 02 00 02 02 7a 010a 00 02 02 04 00",
        "000000000203 02 0a",
        "0000000002 80ffffffff0f 00",
        "0000000003 02",
        "7b7d",
        "00",
        "",
    )
]
TOKENS = {
    "avro": [
        b"\x00\x00\x00\x00\x01",
        b"\x00\x00\x00\x00\x02",
        b"\x00",
        b"\x01",
        b"\x02",
        b"\x03",
        b"\x80",
        b"\xfe\xff\x03",
    ],
    "csv": [b",", b"\n", b"\r", b'"', b"'", b"\\", b"\\N", b"||", b"|", b"##", b"#", b" ", b"a", b"1.5", b"\x00"],
    "json": [
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"',
        b'"k"',
        b'"v":',
        b"1e400",
        b"-",
        b"true",
        b"null",
        b"NaN",
        b"\\",
    ],
}
ODD = [
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\x00",
    b"\x01",
    b"/**/",
    b"\xef\xb7\x90",
    b"\t",
]


class Messages:
    """An endless supply for one format; the same seed gives the same messages."""

    def __init__(self, format_: str, seed: int) -> None:
        self._chance = random.Random(seed)
        self._seeds = {"csv": CSV_SEEDS, "json": JSON_SEEDS, "avro": AVRO_SEEDS}[format_]
        self._tokens = TOKENS[format_] + ODD

    def some(self, count: int) -> list[bytes | None]:
        return [self._one() for _ in range(count)]

    def _one(self) -> bytes | None:
        chance = self._chance
        draw = chance.random()
        if draw < 0.01:
            return None
        if draw < 0.15:
            return b"".join(chance.choices(self._tokens, k=chance.randrange(12)))
        if draw < 0.2:
            return chance.randbytes(chance.randrange(24))
        value = chance.choice(self._seeds)
        for _ in range(chance.choice((0, 1, 1, 2, 4))):
            value = self._mutated(value)
        return value

    def _mutated(self, value: bytes) -> bytes:
        chance = self._chance
        at, end = sorted((chance.randrange(len(value) + 1), chance.randrange(len(value) + 1)))
        match chance.randrange(6):
            case 0:
                return value[:at] + value[end:]
            case 1:
                return value[:end] + value[at:]
            case 2:
                return value[:at] + chance.choice(self._tokens) + value[at:]
            case 3:
                return value[:at] + bytes([chance.randrange(256)]) + value[at + 1 :]
            case 4:
                return value[:at] + chance.choice(self._seeds)[at:]
            case _:
                return value[:at]
