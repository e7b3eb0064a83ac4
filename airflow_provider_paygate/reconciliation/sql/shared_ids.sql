-- Pass 2, first part: transaction ids and UTRs that stand on open rows of both sides, with how many rows bear them.
WITH ledger_ids AS (
    SELECT 'transaction_id' AS kind, transaction_id AS id, reference FROM recon_open_ledger
    UNION ALL
    SELECT 'utr' AS kind, utr AS id, reference FROM recon_open_ledger
), gateway_ids AS (
    SELECT 'transaction_id' AS kind, transaction_id AS id, reference FROM recon_open_gateway
    UNION ALL
    SELECT 'utr' AS kind, utr AS id, reference FROM recon_open_gateway
), ledger AS (
    SELECT ids.kind, ids.id, MIN(ids.reference) AS reference, COUNT(*) AS ledger_rows
    FROM ledger_ids AS ids
    LEFT JOIN recon_by_text AS done ON done.ledger_reference = ids.reference
    WHERE done.ledger_reference IS NULL AND ids.id NOT IN ('NULL', 'NONE', 'NA', 'N/A', 'NAN', '-', '0')
    GROUP BY ids.kind, ids.id
), gateway AS (
    SELECT ids.kind, ids.id, MIN(ids.reference) AS reference, COUNT(*) AS gateway_rows
    FROM gateway_ids AS ids
    LEFT JOIN recon_by_text AS done ON done.gateway_reference = ids.reference
    WHERE done.gateway_reference IS NULL AND ids.id NOT IN ('NULL', 'NONE', 'NA', 'N/A', 'NAN', '-', '0')
    GROUP BY ids.kind, ids.id
)
SELECT
    ledger.kind,
    ledger.id,
    ledger.reference AS ledger_reference,
    gateway.reference AS gateway_reference,
    ledger.ledger_rows,
    gateway.gateway_rows
FROM ledger
JOIN gateway ON ledger.kind = gateway.kind AND ledger.id = gateway.id
