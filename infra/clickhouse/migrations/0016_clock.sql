-- What time it is, though a device's clock may be years ahead: a row tells the time only up to two days behind the newest local date that
-- has begun for anybody, which the pipeline's ticks begin, and no fact.

CREATE OR REPLACE VIEW rtm.clock
(
    now DateTime64(9, 'UTC') COMMENT 'the newest issued_at of the current generation that may be true: the pipeline\'s own time, UTC'
)
AS WITH
    (SELECT generation FROM rtm.current_generation) AS shown,
    (SELECT maxOrNull(local_date) FROM rtm.adherence_window_rows WHERE generation = shown) AS newest_day
SELECT max(issued_at) AS now
FROM
(
    SELECT issued_at FROM rtm.adherence_window_rows WHERE generation = shown
    UNION ALL
    SELECT issued_at FROM rtm.patients_rows WHERE generation = shown
)
WHERE newest_day IS NULL OR issued_at < toDateTime64(newest_day + 2, 9, 'UTC')
HAVING count() > 0
COMMENT 'What time it is in the rows that show. No row where there are no patients.';
