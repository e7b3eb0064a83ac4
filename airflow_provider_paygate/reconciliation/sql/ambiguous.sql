-- Pass 2, second part: open rows whose ids point to more than one row of the other side, or share one with a neighbour.
WITH pairs AS (
    SELECT DISTINCT ledger_reference, gateway_reference
    FROM recon_shared_ids
    WHERE ledger_rows = 1 AND gateway_rows = 1
), crowds AS (
    SELECT kind, id, ledger_rows, gateway_rows FROM recon_shared_ids WHERE ledger_rows > 1 OR gateway_rows > 1
), found AS (
    SELECT 'ledger' AS side, side.reference, crowds.kind
    FROM recon_open_ledger AS side
    JOIN crowds ON crowds.kind = 'transaction_id' AND crowds.id = side.transaction_id
    UNION ALL
    SELECT 'ledger' AS side, side.reference, crowds.kind
    FROM recon_open_ledger AS side
    JOIN crowds ON crowds.kind = 'utr' AND crowds.id = side.utr
    UNION ALL
    SELECT 'gateway' AS side, side.reference, crowds.kind
    FROM recon_open_gateway AS side
    JOIN crowds ON crowds.kind = 'transaction_id' AND crowds.id = side.transaction_id
    UNION ALL
    SELECT 'gateway' AS side, side.reference, crowds.kind
    FROM recon_open_gateway AS side
    JOIN crowds ON crowds.kind = 'utr' AND crowds.id = side.utr
    UNION ALL
    SELECT 'ledger' AS side, ledger_reference AS reference, 'transaction_id and utr' AS kind
    FROM pairs GROUP BY ledger_reference HAVING COUNT(*) > 1
    UNION ALL
    SELECT 'gateway' AS side, gateway_reference AS reference, 'transaction_id and utr' AS kind
    FROM pairs GROUP BY gateway_reference HAVING COUNT(*) > 1
), contested AS (
    SELECT side, reference, MIN(kind) AS kind FROM found GROUP BY side, reference
)
SELECT side, reference, kind FROM contested
UNION ALL
-- Who is paired with a contested row is contested too.
SELECT 'gateway' AS side, pairs.gateway_reference AS reference, MIN(contested.kind) AS kind
FROM pairs
JOIN contested ON contested.side = 'ledger' AND contested.reference = pairs.ledger_reference
LEFT JOIN contested AS already ON already.side = 'gateway' AND already.reference = pairs.gateway_reference
WHERE already.reference IS NULL
GROUP BY pairs.gateway_reference
UNION ALL
SELECT 'ledger' AS side, pairs.ledger_reference AS reference, MIN(contested.kind) AS kind
FROM pairs
JOIN contested ON contested.side = 'gateway' AND contested.reference = pairs.gateway_reference
LEFT JOIN contested AS already ON already.side = 'ledger' AND already.reference = pairs.ledger_reference
WHERE already.reference IS NULL
GROUP BY pairs.ledger_reference
