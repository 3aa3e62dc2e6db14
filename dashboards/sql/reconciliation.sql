SELECT
    `check` AS checked,
    count() AS pairs,
    countIf(state = 'equal') AS equal,
    countIf(state = 'differs') AS differing,
    countIf(state = 'unknown') AS unknown,
    arrayStringConcat(arraySlice(groupArrayIf(
        concat(if(topic = '', what, topic), if(partition < 0, '', concat(' ', toString(partition))), ': ', toString(expected), ', found ', toString(found)),
        state = 'differs'), 1, 3), '; ') AS where_differing,
    max(checked_at) AS newest
FROM rtm.reconciliation
GROUP BY checked
ORDER BY differing DESC, unknown DESC, checked
