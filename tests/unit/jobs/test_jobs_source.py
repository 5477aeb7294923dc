from __future__ import annotations

import pytest
from jobs_builders import SOURCE, UUID, defined, listed

from routine_load.errors import ExecutionError, InvalidValue, PropertyError, RoutineLoadError
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.source import BEGINNING, END, KafkaSource, OffsetKind, OffsetSpec, is_secret
from routine_load.jobs.source_alter import SourceChange, alter_source
from routine_load.jobs.source_create import SourceContext, check_source_type, create_source

SR, DORIS = Compat.STARROCKS, Compat.DORIS
MAY = "2021-05-22 11:00:00"
MAY_MS = 1_621_652_400_000
SR_OFFSET = "Invalid kafka offset: '{}'. Expected values should be an integer, OFFSET_BEGINNING, or OFFSET_END"
SR_BROKER = r".*?\[?([0-9a-zA-Z\-%._:]*)\]?:(\d+)"


def source(compat: Compat, given: dict[str, str]) -> KafkaSource:
    return create_source(listed(given), SourceContext(compat=compat, timezone="Asia/Shanghai", group_id="g"))


def change(compat: Compat, given: dict[str, str]) -> SourceChange:
    return alter_source(listed(given), SourceContext(compat=compat, timezone="Asia/Shanghai"))


REFUSED = [
    (SR, {"kafka_topic": "t"}, "kafka_broker_list is a required property"),
    (SR, {"kafka_broker_list": " ", "kafka_topic": "t"}, "kafka_broker_list is a required property"),
    (SR, {"kafka_broker_list": "h"}, f"kafka_broker_list: h does not match pattern {SR_BROKER}"),
    (SR, {"kafka_broker_list": "h:1,h"}, f"kafka_broker_list: h does not match pattern {SR_BROKER}"),
    (SR, {"kafka_broker_list": "h:1"}, "kafka_topic is a required property"),
    (SR, SOURCE | {"x": "1"}, "x is invalid kafka custom property"),
    (SR, SOURCE | {"kafka_default_offsets": "OFFSET_END"}, "kafka_default_offsets is invalid kafka custom property"),
    (SR, SOURCE | {"kafka_partitions": " "}, "kafka_partitions could not be a empty string"),
    (
        SR,
        SOURCE | {"kafka_partitions": "0,x"},
        "Invalid kafka partition: 'x'. Expected values should be an integer",
    ),
    (
        SR,
        SOURCE | {"kafka_partitions": "0", "kafka_offsets": ""},
        "kafka_offsets could not be a empty string",
    ),
    (
        SR,
        SOURCE | {"kafka_partitions": "0,1", "kafka_offsets": "5"},
        "Partitions number should be equals to offsets number",
    ),
    (SR, SOURCE | {"kafka_offsets": "5"}, "Partitions number should be equals to offsets number"),
    (SR, SOURCE | {"kafka_partitions": "0", "kafka_offsets": "x"}, SR_OFFSET.format("x")),
    (SR, SOURCE | {"kafka_partitions": "0", "kafka_offsets": "-1"}, "Can not specify offset smaller than 0"),
    (SR, SOURCE | {"property.kafka_default_offsets": "x"}, SR_OFFSET.format("x")),
    (DORIS, {"kafka_topic": "t"}, "kafka_broker_list is a required property"),
    (DORIS, {"kafka_broker_list": "h:1"}, "kafka_topic is a required property"),
    (DORIS, SOURCE | {"x": "1"}, "x is invalid kafka property or can not be set"),
    (
        DORIS,
        SOURCE | {"kafka_partitions": "0", "kafka_offsets": "x"},
        "kafka_offsets must be an integer or a date time",
    ),
    (
        DORIS,
        SOURCE | {"kafka_partitions": "0,1", "kafka_offsets": f"5,{MAY}"},
        "The offset of the partition cannot be specified by the timestamp and the offset at the same time",
    ),
    (
        DORIS,
        SOURCE | {"property.kafka_default_offsets": "5"},
        "kafka_default_offsets can only be set to OFFSET_BEGINNING, OFFSET_END or date time",
    ),
    (
        DORIS,
        SOURCE | {"kafka_partitions": "0", "kafka_offsets": "5", "kafka_default_offsets": "OFFSET_END"},
        "Only one of kafka_offsets and kafka_default_offsets can be set.",
    ),
    (DORIS, SOURCE | {"kafka_table_name_format": "X"}, "Multi load olay supported for table name format TEXT"),
]


@pytest.mark.parametrize(("compat", "given", "refusal"), REFUSED)
def test_a_wrong_source_is_refused_in_the_vendors_words(compat, given, refusal):
    """FROM KAFKA: required keys, unknown keys, patterns, partitions and offsets."""
    with pytest.raises(PropertyError) as refused:
        source(compat, given)
    assert refused.value.message == refusal


def test_a_broker_of_doris_must_be_an_endpoint():
    """Doris: letters, digits and some signs only; the text names the pattern."""
    with pytest.raises(PropertyError, match=r"^KAFKA_BROKER_LIST:h<1 not match pattern "):
        source(DORIS, {"kafka_broker_list": "h<1", "kafka_topic": "t"})


def test_partition_and_offset_errors_have_starrocks_number():
    """StarRocks: 5018 for values that are not what is expected."""
    with pytest.raises(InvalidValue) as refused:
        source(SR, SOURCE | {"kafka_partitions": "x"})
    assert refused.value.number(SR) == 5018


@pytest.mark.parametrize("compat", list(Compat))
def test_offsets_are_numbers_symbols_or_times(compat):
    """Keywords in any case, blanks around, a comma at the end; a time on the clocks of the job."""
    given = {"kafka_partitions": "0, 3,7,", "kafka_offsets": " 5 ,offset_beginning, OFFSET_END,"}
    assert source(compat, SOURCE | given).offsets == (
        (PartitionId(0), OffsetSpec(OffsetKind.NUMBER, 5, "5")),
        (PartitionId(3), BEGINNING),
        (PartitionId(7), END),
    )
    timed = source(compat, SOURCE | {"kafka_partitions": "0", "kafka_offsets": MAY})
    assert timed.start_of(PartitionId(0)) == OffsetSpec(OffsetKind.TIMESTAMP, MAY_MS, MAY)


@pytest.mark.parametrize("compat", list(Compat))
def test_partitions_without_offsets_start_at_the_default(compat):
    """The chain: own offset, default offset, end."""
    pinned = SOURCE | {"kafka_partitions": "0,1"}
    assert source(compat, pinned).start_of(PartitionId(1)) == END
    assert source(compat, pinned).is_pinned
    with_default = source(compat, pinned | {"property.kafka_default_offsets": "OFFSET_BEGINNING"})
    assert with_default.start_of(PartitionId(1)) == BEGINNING


def test_a_time_as_default_is_kept_twice_by_doris():
    """Doris: milliseconds and the text as written are both custom properties; neither reaches the client."""
    made = source(DORIS, SOURCE | {"property.kafka_default_offsets": MAY, "property.client.id": "c"})
    assert dict(made.properties) == {
        "kafka_default_offsets": str(MAY_MS),
        "kafka_origin_default_offsets": MAY,
        "client.id": "c",
        "group.id": "g",
    }
    assert dict(made.client_properties) == {"client.id": "c", "group.id": "g"}


def test_starrocks_takes_a_number_or_a_time_as_default():
    """A plain number is StarRocks' own, a date-time is lent by Doris."""
    assert source(SR, SOURCE | {"property.kafka_default_offsets": "12"}).default_offset == OffsetSpec(
        OffsetKind.NUMBER, 12, "12"
    )
    timed = source(SR, SOURCE | {"property.kafka_default_offsets": MAY})
    assert timed.default_offset == OffsetSpec(OffsetKind.TIMESTAMP, MAY_MS, MAY)


def test_the_group_is_named_after_the_job():
    """group.id is <job>_<uuid> unless the statement names one."""
    assert dict(defined(name="orders_in").source.properties)["group.id"] == f"orders_in_{UUID}"
    named = defined(source={"property.group.id": "mine"})
    assert dict(named.source.properties)["group.id"] == "mine"


def test_blanks_in_brokers_and_topic_are_removed():
    """Spaces are removed from both."""
    made = source(SR, {"kafka_broker_list": "a:1, [::1]:2", "kafka_topic": " t "})
    assert (made.brokers, made.topic) == ("a:1,[::1]:2", "t")


def test_another_source_is_refused():
    """StarRocks: the type is named in upper case."""
    with pytest.raises(PropertyError, match=r"^routine load job does not support this type PULSAR$"):
        check_source_type("pulsar")
    check_source_type("kafka")


@pytest.mark.parametrize("key", ["sasl.password", "ssl.key.password", "SASL.JAAS.CONFIG", "ssl.key.pem"])
def test_secrets_are_known_by_their_keys(key):
    """Passwords, secrets, login modules and private keys are masked and not printed by repr."""
    made = source(SR, SOURCE | {f"property.{key}": "canary"})
    assert is_secret(key)
    assert dict(made.masked_properties)[key] == "******"
    assert "canary" not in repr(made)


def test_a_registry_url_is_shown_without_credentials():
    """key:secret@ is cut out, also where the secret has an @ of its own."""
    made = source(SR, SOURCE | {"confluent.schema.registry.url": "https://k:s@x@registry:8081"})
    assert made.masked_registry_url == "https://registry:8081"
    bare = source(SR, SOURCE | {"confluent.schema.registry.url": "k:s@registry:8081"})
    assert bare.masked_registry_url == "registry:8081"


def test_a_list_has_a_bound():
    """More than 10,000 partitions are refused before any of them is read."""
    with pytest.raises(PropertyError, match=r"a list of 10001 partitions or offsets is too long, at most 10000"):
        source(SR, SOURCE | {"kafka_partitions": ",".join(["0"] * 10_001)})


ALTER_REFUSED = [
    (SR, {"kafka_partitions": "0"}, "Partition and offset must be specified at the same time"),
    (SR, {"kafka_offsets": "0"}, "Missing kafka partition info"),
    (SR, {"kafka_broker_list": ""}, "kafka_broker_list cannot be empty"),
    (DORIS, {"kafka_broker_list": ""}, "kafka_broker_list is a required property"),
    (DORIS, {"kafka_topic": " "}, "kafka_topic is a required property"),
    (DORIS, {"kafka_offsets": "0"}, "Partitions number should be equals to offsets number"),
    (SR, {"kafka_broker_list": "h"}, f"kafka_broker_list: h does not match pattern {SR_BROKER}"),
    (DORIS, {"kafka_partitions": "0"}, "Must set offset or default offset with partition property"),
    (
        DORIS,
        {"property.kafka_default_offsets": ""},
        "kafka_default_offsets can only be set to OFFSET_BEGINNING, OFFSET_END or date time",
    ),
]


@pytest.mark.parametrize(("compat", "given", "refusal"), ALTER_REFUSED)
def test_a_wrong_alter_of_the_source_is_refused(compat, given, refusal):
    """ALTER … FROM KAFKA in the vendor's words."""
    with pytest.raises(PropertyError) as refused:
        change(compat, given)
    assert refused.value.message == refusal


@pytest.mark.parametrize(
    ("compat", "pinned", "refusal"),
    [
        (SR, True, "The specified partition 9 is not in the custom partitions"),
        (SR, False, "The specified partition is not in the consumed partitions "),
        (DORIS, True, "The specified partition 9 is not in the consumed partitions"),
        (DORIS, False, "The specified partition 9 is not in the consumed partitions"),
    ],
)
def test_alter_names_only_partitions_of_the_job(compat, pinned, refusal):
    """Doris checks a pinned job against its list; everything else is checked against the topic."""
    current = source(compat, SOURCE | ({"kafka_partitions": "0,1"} if pinned else {}))
    asked = change(compat, {"kafka_partitions": "0,9", "kafka_offsets": "1,1"})
    with pytest.raises(ExecutionError) as refused:
        asked.applied(current, (PartitionId(0), PartitionId(1)))
    assert refused.value.message == refusal


def test_alter_adds_partitions_of_the_topic_to_a_pinned_job():
    """StarRocks' manual: name the partitions with their offsets; new ones join the list."""
    current = source(SR, SOURCE | {"kafka_partitions": "0,1"})
    asked = change(SR, {"kafka_partitions": "0,2", "kafka_offsets": "1,OFFSET_END"})
    after = asked.applied(current, tuple(map(PartitionId, range(3))))
    assert after.partitions == (0, 1, 2)


@pytest.mark.parametrize("compat", list(Compat))
def test_alter_merges_properties_and_does_not_pin(compat):
    """property.* are merged key by key; offsets of named partitions do not turn the job into a pinned one."""
    current = source(compat, SOURCE | {"property.a": "1", "property.b": "2"})
    asked = change(
        compat,
        {"property.b": "3", "kafka_partitions": "0", "kafka_offsets": "5", "kafka_broker_list": "other:1"},
    )
    after = asked.applied(current, (PartitionId(0),))
    assert dict(after.properties) == {"a": "1", "b": "3", "group.id": "g"}
    assert (after.brokers, after.is_pinned) == ("other:1", False)
    assert asked.offsets == ((PartitionId(0), OffsetSpec(OffsetKind.NUMBER, 5, "5")),)


def test_doris_alters_the_topic_and_takes_the_default_for_partitions():
    """Doris: the topic may change; partitions may go with a default offset instead of offsets."""
    current = source(DORIS, SOURCE | {"property.kafka_default_offsets": MAY})
    asked = change(
        DORIS,
        {"kafka_topic": "other", "kafka_partitions": "4", "property.kafka_default_offsets": "OFFSET_BEGINNING"},
    )
    after = asked.applied(current, (PartitionId(4),))
    assert asked.changes_topic(current)
    assert asked.offsets == ((PartitionId(4), BEGINNING),)
    assert (after.topic, after.default_offset) == ("other", BEGINNING)
    assert "kafka_origin_default_offsets" not in dict(after.properties)


@pytest.mark.parametrize("compat", list(Compat))
@pytest.mark.parametrize("text", ["", ",", "1,,2", "99999999999", "٣", "1e3", "\x00"])
def test_odd_partition_lists_raise_only_our_errors(compat, text):
    """Whatever stands in a list, the answer is a property error."""
    with pytest.raises(RoutineLoadError):
        source(compat, SOURCE | {"kafka_partitions": text})
