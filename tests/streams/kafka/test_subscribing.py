"""A consumer gets its partitions however short its polls are."""

import time

from kafka import ConsumerRebalanceListener, KafkaConsumer

from streams.kafka.subscribing import subscribe


class Listener(ConsumerRebalanceListener):
    def on_partitions_revoked(self, revoked):
        pass

    def on_partitions_assigned(self, assigned):
        pass


def test_a_consumer_that_polls_for_a_millisecond_gets_its_partitions_and_keeps_them(fresh_topics):
    consumer = KafkaConsumer(bootstrap_servers=fresh_topics, group_id="brief", enable_auto_commit=False)
    subscribe(consumer, ["rtm.alerts.v1"], Listener())
    give_up = time.monotonic() + 120
    while len(consumer.assignment()) < 4:
        consumer.poll(timeout_ms=1)
        assert time.monotonic() < give_up
    for _ in range(200):
        consumer.poll(timeout_ms=1)
        assert len(consumer.assignment()) == 4
    consumer.close(autocommit=False)
