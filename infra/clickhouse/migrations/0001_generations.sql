-- Generations: one run's rows. A replay's becomes current when it is complete; until then the former one shows.

CREATE TABLE IF NOT EXISTS rtm.generations
(
    generation UInt32 COMMENT 'the run\'s number, from 1',
    kind LowCardinality(String) COMMENT 'replay, live or rebuild',
    status LowCardinality(String) COMMENT 'running, complete, or pruned: its rows are gone',
    started_at DateTime64(9, 'UTC') COMMENT 'when it began, by the machine\'s clock, UTC',
    completed_at Nullable(DateTime64(9, 'UTC')) COMMENT 'when it was last made current, UTC; null before',
    source String COMMENT 'what it reads, without personal data',
    revision UInt64 COMMENT 'counts the changes of this row'
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY generation
COMMENT 'Every run that wrote rows, and which of them the views show.';

CREATE VIEW IF NOT EXISTS rtm.current_generation
(
    generation UInt32 COMMENT 'the run that the views show'
)
AS SELECT generation
FROM rtm.generations FINAL
WHERE status = 'complete'
ORDER BY completed_at DESC, generation DESC
LIMIT 1
COMMENT 'The generation that was completed last: the one that the views show. No row before the first.';
