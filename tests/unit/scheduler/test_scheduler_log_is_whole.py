"""A partition that ends before what was read of it pauses the job; it is never waited for in silence."""

from __future__ import annotations

import pytest

from routine_load.errors import OffsetOutOfRange
from routine_load.ids import PartitionId
from routine_load.scheduler.planning import check_log_is_whole
from routine_load.tasks.ports import KafkaSpec

KAFKA = KafkaSpec(brokers="kafka:9092", topic="orders")


def test_a_shorter_log_is_named_with_both_offsets():
    """Otherwise the first records of a re-created topic would be passed over once it is longer than the old one."""
    with pytest.raises(OffsetOutOfRange, match="partition 1 of topic orders was read up to offset 9 and ends at 3 now"):
        check_log_is_whole(KAFKA, {PartitionId(0): 5, PartitionId(1): 9}, {PartitionId(0): 5, PartitionId(1): 3})


def test_a_partition_that_is_new_or_read_to_its_end_is_whole():
    """Nothing was read of the one; nothing is missing from the other."""
    check_log_is_whole(KAFKA, {PartitionId(0): 5}, {PartitionId(0): 5, PartitionId(1): 0})
