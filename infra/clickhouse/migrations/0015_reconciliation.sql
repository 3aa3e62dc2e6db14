-- reconciliation: pairs of counts that must agree, as rtm reconcile found them. What was checked at one time are the rows with one checked_at.

CREATE TABLE IF NOT EXISTS rtm.reconciliation_rows
(
    checked_at DateTime64(9, 'UTC') COMMENT 'when it was checked, by the machine\'s clock, UTC',
    generation UInt32 COMMENT 'the workers\' generation that was checked',
    check LowCardinality(String) COMMENT 'counted, in kafka, dead letters kept, dead letters stored, rows stored, told or deliveries stored',
    topic LowCardinality(String) COMMENT 'the topic, empty where it is about a table',
    partition Int32 COMMENT 'the partition, -1 for all',
    what LowCardinality(String) COMMENT 'the table, or the dead letters\' reason',
    expected Int64 COMMENT 'what was counted where it comes from, before',
    found Int64 COMMENT 'what was counted where it goes',
    most Int64 COMMENT 'what was counted where it comes from, afterwards; more than expected while facts flow',
    offset Int64 COMMENT 'the offset that the state reads next',
    state LowCardinality(String) COMMENT 'equal, differs, or unknown: not equal for a reason that is told',
    said String COMMENT 'the parts of the count, or the reason'
)
ENGINE = ReplacingMergeTree
ORDER BY (checked_at, generation, check, topic, partition, what)
COMMENT 'Pairs of counts that must agree, every time that they were checked. Read the view reconciliation.';

CREATE VIEW IF NOT EXISTS rtm.reconciliation
(
    checked_at DateTime64(9, 'UTC') COMMENT 'when it was checked, by the machine\'s clock, UTC',
    generation UInt32 COMMENT 'the workers\' generation that was checked',
    check LowCardinality(String) COMMENT 'counted, in kafka, dead letters kept, dead letters stored, rows stored, told or deliveries stored',
    topic LowCardinality(String) COMMENT 'the topic, empty where it is about a table',
    partition Int32 COMMENT 'the partition, -1 for all',
    what LowCardinality(String) COMMENT 'the table, or the dead letters\' reason',
    expected Int64 COMMENT 'what was counted where it comes from, before',
    found Int64 COMMENT 'what was counted where it goes',
    most Int64 COMMENT 'what was counted where it comes from, afterwards; more than expected while facts flow',
    offset Int64 COMMENT 'the offset that the state reads next',
    state LowCardinality(String) COMMENT 'equal, differs, or unknown: not equal for a reason that is told',
    said String COMMENT 'the parts of the count, or the reason'
)
AS SELECT checked_at, generation, check, topic, partition, what, expected, found, most, offset, state, said
FROM rtm.reconciliation_rows FINAL
WHERE checked_at = (SELECT max(checked_at) FROM rtm.reconciliation_rows)
COMMENT 'Pairs of counts that must agree, as they were last checked.';
