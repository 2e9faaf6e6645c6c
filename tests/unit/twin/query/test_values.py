"""The query language over values: what it reads, refuses, and finds."""

from __future__ import annotations

from typing import Any

import pytest

from lingjing.twin.query.evaluating import Query, parse_query
from lingjing.twin.query.nodes import All, Some, Term
from lingjing.twin.query.reading import MOST_TERMS, parse
from lingjing.vocabulary import LingjingError

TERMS = "https://terms.example/"


def expand(name: str) -> str:
    return TERMS + name


def vocabulary(word: str) -> str:
    return "https://words.example/" + word


def property_(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def document(**attributes: Any) -> dict[str, Any]:
    found = {
        expand(name): item if "type" not in item else {"": item}
        for name, item in attributes.items()
    }
    return {
        "id": "urn:x:1",
        "type": [expand("Tank")],
        "createdAt": "2026-01-20T09:00:00.000000Z",
        "attributes": found,
    }


TANK = document(
    level=property_(
        30,
        observedAt="2026-01-20T10:00:00Z",
        unitCode="MTR",
        attributes={expand("accuracy"): {"": property_(0.5)}},
    ),
    name=property_("Tower Bridge"),
    open=property_(True),
    since=property_("2026-02-15T08:00:00+08:00"),
    day=property_("2026-02-15"),
    made={"type": "Property", "value": {"@type": "Date", "@value": "2026-02-10"}},
    tags=property_(["a", "b"]),
    address=property_({"city": "上海", "lines": [{"no": 1}, {"no": 2}], "empty": None}),
    colour={"type": "LanguageProperty", "languageMap": {"en": "red", "zh": "红"}},
    state={"type": "VocabProperty", "vocab": "https://words.example/shut"},
    feeds={"type": "Relationship", "object": "urn:x:pipe"},
    all={"type": "ListRelationship", "objectList": ["urn:x:a", "urn:x:b"]},
    raw={"type": "JsonProperty", "json": {"deep": {"er": 5}}},
    depths={"type": "ListProperty", "valueList": [1.5, 2.5]},
    flow={"": property_(1), "urn:d:laser": property_(9)},
    location={"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}},
)


def query(text: str) -> Query:
    return parse_query(text, expand, ("state",), vocabulary)


@pytest.mark.parametrize(
    "text",
    [
        "level",
        "level==30",
        "level==3.0e1",
        "level!=31",
        "level>29.5",
        "level>=30",
        "level<=30",
        "level==10..30",
        "level!=31..40",
        "level==1,30",
        'level!="30"',
        "level.accuracy==0.5",
        'level.accuracy<1;level.unitCode=="MTR"',
        "level.observedAt>2026-01-20T09:59:59Z",
        'level.observedAt=="2026-01-20T18:00:00+08:00"',
        "createdAt>2026-01-01T00:00:00Z",
        'name=="Tower Bridge"',
        'name~="^Tower"',
        "name~=Bri.ge",
        'name!~="^Bridge"',
        'name>"Tower"',
        "open==true",
        "open!=false",
        "since<2026-02-15T00:00:01Z",
        'since=="2026-02-15T00:00:00.000Z"',
        "day==2026-02-15",
        "day<2026-03-01",
        "made==2026-02-10",
        'tags=="b"',
        'tags=="z","a"',
        'tags!="z"',
        "address[city]==上海",
        'address[city]=="上海"',
        "address[lines.no]==2",
        "colour",
        'colour=="red"',
        'colour[zh]=="红"',
        'colour[*]=="红"',
        'colour[*]!="blau"',
        "colour[en]",
        "state==shut",
        'state=="shut"',
        "feeds==urn:x:pipe",
        'feeds=="urn:x:pipe"',
        "feeds!=urn:x:other",
        'all=="urn:x:b"',
        "raw[deep.er]==5",
        "depths==2.5",
        "flow>5",
        "flow<5",
        "location",
        "!missing",
        "!missing;level",
        "missing|level",
        "(missing|level);open==true",
        "missing;level|open",
        " level == 30 ; open ",
    ],
)
def test_what_holds_is_found(text: str) -> None:
    assert query(text).accept(TANK)


@pytest.mark.parametrize(
    "text",
    [
        "missing",
        "missing!=5",
        'missing!~="x"',
        "!level",
        "level==31",
        'level=="30"',
        "level>30",
        "level<30",
        "level==31..40",
        "level!=10..40",
        "level!=1,30",
        'level~="3"',
        'level!~="9"',
        "level.accuracy>1",
        "level.missing",
        "level[inside]",
        "name>5",
        'name=="tower bridge"',
        "open==false",
        "open==1",
        "level==true",
        "day<2026-03-01T00:00:00Z",
        'tags!="a"',
        'tags>"a"',
        "address==上海",
        "address[empty]",
        "address[missing]!=5",
        "address[lines.no]==3",
        'colour[en]=="红"',
        'colour[*]!="red"',
        "colour[fr]",
        "feeds>urn:x:a",
        'feeds~="urn"',
        'all!="urn:x:a"',
        "raw==5",
        "flow>9",
        'location=="x"',
        "expiresAt",
        "deletedAt>2026-01-01T00:00:00Z",
        "missing;level",
        "(missing|level);open==false",
    ],
)
def test_what_does_not_hold_is_not_found(text: str) -> None:
    assert not query(text).accept(TANK)


def test_words_are_only_of_the_vocabulary_where_that_is_said() -> None:
    assert not parse_query("state==shut", expand).accept(TANK)
    assert parse_query("state==https://words.example/shut", expand).accept(TANK)


def test_and_binds_closer_than_or() -> None:
    node = parse("a==1;b==2|c==3;d==4")
    assert isinstance(node, Some)
    assert all(isinstance(part, All) for part in node.parts)
    assert isinstance(parse("(a|b);c"), All)


def test_paths_follow_relationships() -> None:
    pipe = document(name=property_("main"), to={"type": "Relationship", "object": "urn:x:town"})
    town = {**document(size=property_(7)), "type": [expand("Town")]}
    others = {"urn:x:pipe": pipe, "urn:x:town": town}

    def found(text: str) -> bool:
        return query(text).joined(others.get)(TANK)

    assert found('feeds{name}=="main"')
    assert found("feeds{to{size}}==7")
    assert found("feeds{Tank:name}==main")
    assert found("feeds{Pipe,Tank:to{Town:size}}>6")
    assert not found("feeds{Pipe:name}==main")
    assert not found("feeds{to{size}}==8")
    assert not found("name{size}")
    assert not query("feeds{name}").accept(TANK)
    assert query("feeds{to{size}}|level").depth == 2


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 1),
        (";", 1),
        ("level>", 7),
        ("level==", 8),
        ("level=5", 6),
        ("level>4..5", 8),
        ("level>1,2", 8),
        ("level>true", 7),
        ("level==1,", 10),
        ("level==1..", 11),
        ('level==1.."x"', 8),
        ("level==true..false", 8),
        ("!level==1", 7),
        ("(level", 7),
        ("level)", 6),
        ("level;", 7),
        ("level||open", 7),
        ('name=="open', 7),
        ('name=="\\u12"', 7),
        ("level[", 7),
        ("level[a", 8),
        ("level[a][b]", 9),
        ("feeds{", 7),
        ("feeds{name", 11),
        ("feeds{name}}", 12),
        ("feeds{Tank,:name}", 11),
        ("9level", 1),
        ("level.", 7),
        ("level~=", 8),
        ("level==1 2", 10),
        ("level>1e999", 7),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, position: int) -> None:
    with pytest.raises(LingjingError) as fault:
        parse(text)
    assert fault.value.code == "query.bad-syntax"
    assert fault.value.values["position"] == position


@pytest.mark.parametrize(
    "text",
    [
        "a" * 8_001,
        "(" * 17 + "a" + ")" * 17,
        ";".join(["a"] * (MOST_TERMS + 1)),
        "a==" + ",".join(["1"] * (MOST_TERMS + 1)),
        ".".join(["a"] * 17),
        "a[" + ".".join(["a"] * 17) + "]",
        "".join(f"a{number}{{" for number in range(17)) + "b" + "}" * 17,
        f'a~="{"x" * 1_001}"',
    ],
)
def test_what_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(LingjingError) as fault:
        parse_query(text, expand)
    assert fault.value.code == "query.too-complex"


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "(?=a)b", r"(a)\1", "[", "*"])
def test_patterns_that_cannot_be_used_are_refused(pattern: str) -> None:
    with pytest.raises(LingjingError) as fault:
        parse_query(f'name~="{pattern}"', expand)
    assert fault.value.code == "query.bad-pattern"


def test_no_pattern_takes_long() -> None:
    hostile = document(name=property_("a" * 50_000 + "!"))
    assert not parse_query('name~="^(a+)+$"', expand).accept(hostile)


def test_a_pattern_may_hold_what_the_language_uses_itself() -> None:
    assert query(r'name~="^(Tower|Bridge);?\s\w+$"').accept(TANK)
    assert query('name~="[\\"T]ower"').accept(TANK)
    node = parse("(name~=(Tow)er)")
    assert isinstance(node, Term)
    assert node.pattern == "(Tow)er"


def test_a_query_says_what_it_needs_and_names() -> None:
    assert query("level>1;(name|open)").needs == (expand("level"),)
    assert query("name|open;level").needs == (expand("name"), expand("open"))
    assert query("!level").needs == ()
    assert query("level|createdAt>2026-01-01T00:00:00Z").needs == ()
    assert query("level>1;createdAt>2026-01-01T00:00:00Z").attributes == (expand("level"),)
    assert query("createdAt>2026-01-01T00:00:00Z").system_only
    assert not query("level|createdAt").system_only
