"""Subscribing to topics with kafka-python: a consumer and topics in, a consumer that joins its group knowing their partitions out.

kafka-python joins a group before it knows the topics' partitions, and joins once more when it does. That second join is lost when it
takes longer than the time-out of the `poll` that began it (seen with 3.0.12): the consumer then has no partition, and never gets one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ASK_AGAIN_S = 0.1


def subscribe(consumer: Any, topics: Sequence[str], listener: Any) -> None:
    """Subscribe to topics that are there, and wait until their partitions are known. Raises what kafka-python raises."""
    consumer.subscribe(list(topics), listener=listener)
    while not set(topics) <= consumer.topics():
        time.sleep(ASK_AGAIN_S)
