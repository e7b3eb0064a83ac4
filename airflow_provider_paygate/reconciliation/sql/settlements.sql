-- Pass 3: settlement ids that stand on N rows of one side and on 1 of the other, nothing of them matched before, all in
-- one currency and one state. `agrees` says whether the sums do; a sum that is off by the fees is told apart later.
WITH ledger_open AS (
    SELECT side.*
    FROM recon_open_ledger AS side
    LEFT JOIN recon_by_text AS by_text ON by_text.ledger_reference = side.reference
    LEFT JOIN recon_by_ids AS by_ids ON by_ids.ledger_reference = side.reference
    WHERE by_text.ledger_reference IS NULL AND by_ids.ledger_reference IS NULL AND side.settlement_id IS NOT NULL
), gateway_open AS (
    SELECT side.*
    FROM recon_open_gateway AS side
    LEFT JOIN recon_by_text AS by_text ON by_text.gateway_reference = side.reference
    LEFT JOIN recon_by_ids AS by_ids ON by_ids.gateway_reference = side.reference
    WHERE by_text.gateway_reference IS NULL AND by_ids.gateway_reference IS NULL AND side.settlement_id IS NOT NULL
), ledger AS (
    SELECT
        rows_of.settlement_id,
        COUNT(*) AS row_count,
        MIN(rows_of.reference) AS reference,
        SUM(rows_of.amount) AS amount,
        SUM(COALESCE(rows_of.fee, 0)) AS fee,
        MIN(COALESCE(rows_of.currency, '')) AS currency,
        MAX(COALESCE(rows_of.currency, '')) AS last_currency,
        MIN(COALESCE(words.state, CASE WHEN rows_of.status IS NULL THEN 'success' ELSE 'open' END)) AS state,
        MAX(COALESCE(words.state, CASE WHEN rows_of.status IS NULL THEN 'success' ELSE 'open' END)) AS last_state,
        MIN(COALESCE(words.status, rows_of.status)) AS status,
        MIN(rows_of.created_at) AS created_at,
        MIN(CASE WHEN rows_of.created_local THEN 1 ELSE 0 END) AS created_local
    FROM ledger_open AS rows_of
    LEFT JOIN recon_status_words AS words ON words.word = rows_of.status
    GROUP BY rows_of.settlement_id
), gateway AS (
    SELECT
        rows_of.settlement_id,
        COUNT(*) AS row_count,
        MIN(rows_of.reference) AS reference,
        SUM(rows_of.amount) AS amount,
        SUM(COALESCE(rows_of.fee, 0)) AS fee,
        MIN(COALESCE(rows_of.currency, '')) AS currency,
        MAX(COALESCE(rows_of.currency, '')) AS last_currency,
        MIN(COALESCE(words.state, CASE WHEN rows_of.status IS NULL THEN 'unstated' ELSE 'open' END)) AS state,
        MAX(COALESCE(words.state, CASE WHEN rows_of.status IS NULL THEN 'unstated' ELSE 'open' END)) AS last_state,
        MIN(COALESCE(words.status, rows_of.status)) AS status
    FROM gateway_open AS rows_of
    LEFT JOIN recon_status_words AS words ON words.word = rows_of.status
    GROUP BY rows_of.settlement_id
), ledger_all AS (
    SELECT side.settlement_id, COUNT(*) AS row_count
    FROM recon_ledger AS side
    JOIN ledger ON ledger.settlement_id = side.settlement_id
    GROUP BY side.settlement_id
), gateway_all AS (
    SELECT side.settlement_id, COUNT(*) AS row_count
    FROM recon_gateway AS side
    JOIN gateway ON gateway.settlement_id = side.settlement_id
    GROUP BY side.settlement_id
)
SELECT
    ledger.settlement_id,
    CASE WHEN gateway.row_count = 1 THEN gateway.reference ELSE ledger.reference END AS reference,
    ledger.row_count AS ledger_rows,
    gateway.row_count AS gateway_rows,
    ledger.amount AS ledger_amount,
    gateway.amount AS gateway_amount,
    NULLIF(ledger.currency, '') AS ledger_currency,
    NULLIF(gateway.currency, '') AS gateway_currency,
    ledger.status AS ledger_status,
    gateway.status AS gateway_status,
    ledger.created_at,
    ledger.created_local = 1 AS created_local,
    CASE WHEN gateway.fee <> 0 THEN gateway.fee ELSE ledger.fee END AS fee,
    ABS(gateway.amount - ledger.amount) <= settings.tolerance
    OR ABS(gateway.amount - ledger.amount) <= ABS(ledger.amount) * settings.fraction AS agrees
FROM ledger
JOIN gateway ON gateway.settlement_id = ledger.settlement_id
JOIN ledger_all ON ledger_all.settlement_id = ledger.settlement_id AND ledger_all.row_count = ledger.row_count
JOIN gateway_all ON gateway_all.settlement_id = gateway.settlement_id AND gateway_all.row_count = gateway.row_count
CROSS JOIN recon_settings AS settings
WHERE
    (ledger.row_count = 1 OR gateway.row_count = 1)
    AND ledger.currency = ledger.last_currency
    AND gateway.currency = gateway.last_currency
    AND (ledger.currency = gateway.currency OR ledger.currency = '' OR gateway.currency = '')
    AND ledger.state = ledger.last_state
    AND gateway.state = gateway.last_state
    AND (ledger.state = gateway.state OR gateway.state = 'unstated')
    AND ledger.state <> 'unknown'
    -- One row against one other with another sum: two payments that happen to share a settlement, not one payment.
    AND (
        ledger.row_count + gateway.row_count > 2
        OR ABS(gateway.amount - ledger.amount) <= settings.tolerance
        OR ABS(gateway.amount - ledger.amount) <= ABS(ledger.amount) * settings.fraction
    )
