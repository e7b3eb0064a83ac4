-- What an engineer would write for just these two files and this moment: no validation, no report, no other input.
CREATE TEMP TABLE l AS
SELECT reference, amount, currency, upper(status) AS status, nullif(transaction_id, '') AS t, nullif(utr, '') AS u,
    created_at, nullif(settlement_id, '') AS s
FROM {ledger};

CREATE TEMP TABLE g AS
SELECT reference, amount, currency, CASE upper(status) WHEN 'COMPLETED' THEN 'SUCCESS' ELSE upper(status) END AS status,
    nullif(transaction_id, '') AS t, nullif(utr, '') AS u, created_at, fee, nullif(settlement_id, '') AS s
FROM {gateway};

CREATE TEMP TABLE d AS
SELECT reference FROM l GROUP BY ALL HAVING count(*) > 1 UNION SELECT reference FROM g GROUP BY ALL HAVING count(*) > 1;

CREATE TEMP TABLE found AS
SELECT coalesce(l.reference, g.reference) AS reference, l.reference IS NULL AS no_l, g.reference IS NULL AS no_g,
    CASE
        WHEN l.status = 'UNKNOWN' THEN 'unknown_outcome'
        WHEN coalesce(l.created_at, g.created_at) > TIMESTAMP '2026-03-18 18:00:00'
            AND (l.reference IS NULL OR g.reference IS NULL OR (l.status IN ('PENDING', 'PROCESSING')) <> (g.status IN ('PENDING', 'PROCESSING')))
            THEN 'timing'
        WHEN l.reference IS NULL THEN 'missing_in_ledger'
        WHEN g.reference IS NULL THEN 'missing_at_gateway'
        WHEN l.currency <> g.currency THEN 'currency_mismatch'
        WHEN g.status = 'REFUNDED' AND l.status = 'SUCCESS' THEN 'reversal'
        WHEN l.amount <> g.amount AND abs(l.amount - g.amount) = g.fee THEN 'fee'
        WHEN l.amount <> g.amount THEN 'amount_mismatch'
        WHEN l.status <> g.status THEN 'status_mismatch'
    END AS class
FROM (FROM l WHERE reference NOT IN (FROM d)) AS l
FULL JOIN (FROM g WHERE reference NOT IN (FROM d)) AS g ON l.reference = g.reference
WHERE class IS NOT NULL;

CREATE TEMP TABLE ol AS SELECT l.* FROM l JOIN found ON found.reference = l.reference AND no_g;
CREATE TEMP TABLE og AS SELECT g.* FROM g JOIN found ON found.reference = g.reference AND no_l;

CREATE TEMP TABLE paired AS
WITH candidates AS (
    SELECT ol.reference AS a, og.reference AS b FROM ol JOIN og ON upper(ol.reference) = upper(og.reference)
    UNION SELECT ol.reference, og.reference FROM ol JOIN og ON ol.t = og.t
    UNION SELECT ol.reference, og.reference FROM ol JOIN og ON ol.u = og.u
)
SELECT a, b FROM candidates
QUALIFY count(*) OVER (PARTITION BY a) = 1 AND count(*) OVER (PARTITION BY b) = 1;

CREATE TEMP TABLE settled AS
SELECT s FROM (SELECT s, sum(amount) AS amount FROM ol GROUP BY s) AS a JOIN (SELECT s, sum(amount) AS amount FROM og GROUP BY s) AS b
USING (s) WHERE a.amount = b.amount;

SELECT class, reference FROM found
WHERE reference NOT IN (SELECT a FROM paired) AND reference NOT IN (SELECT b FROM paired)
    AND reference NOT IN (SELECT reference FROM ol WHERE s IN (FROM settled))
    AND reference NOT IN (SELECT reference FROM og WHERE s IN (FROM settled))
UNION ALL SELECT 'duplicate', reference FROM d;
