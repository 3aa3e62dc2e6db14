"""The small job by quixstreams: `python -m tests.bench.peers.by_quixstreams BOOTSTRAP TOPIC OUT FOLDER`."""

import sys

from quixstreams import Application

from tests.bench.peers import job


def main() -> None:
    bootstrap, topic, out, folder = sys.argv[1:]
    app = Application(
        broker_address=bootstrap, consumer_group=f"quix-{topic}", auto_offset_reset="earliest", state_dir=folder, loglevel="ERROR",
    )  # fmt: skip
    source = app.topic(topic, key_deserializer="bytes", value_deserializer="bytes")
    target = app.topic(out, key_serializer="bytes", value_serializer="bytes")

    def fold(value, key, _timestamp, headers, state):
        days = state.get("days", {})
        day, reps = job.done(value, headers)
        row = job.added(days, key.decode(), day, reps)
        state.set("days", days)
        return job.line(row)

    app.dataframe(source).apply(fold, stateful=True, metadata=True).to_topic(target)
    app.run()


if __name__ == "__main__":
    main()
