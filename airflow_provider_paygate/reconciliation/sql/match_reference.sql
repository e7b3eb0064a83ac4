-- Pass 1: the same reference on both sides, letter by letter; and the rows of one side that found nobody, with the other
-- side false. From here on a reference is unique per side, so it is the key of its row.
WITH ledger AS (
    SELECT * FROM recon_second_look_ledger AS side
    WHERE NOT EXISTS (SELECT 1 FROM recon_duplicates AS repeated WHERE repeated.reference = side.reference)
), gateway AS (
    SELECT * FROM recon_second_look_gateway AS side
    WHERE NOT EXISTS (SELECT 1 FROM recon_duplicates AS repeated WHERE repeated.reference = side.reference)
)
SELECT
    COALESCE(ledger.reference, gateway.reference) AS reference,
    ledger.reference IS NOT NULL AS in_ledger,
    gateway.reference IS NOT NULL AS in_gateway,
    ledger.amount AS ledger_amount,
    gateway.amount AS gateway_amount,
    NULLIF(UPPER(TRIM(ledger.currency)), '') AS ledger_currency,
    NULLIF(UPPER(TRIM(gateway.currency)), '') AS gateway_currency,
    NULLIF(UPPER(TRIM(ledger.status)), '') AS ledger_status,
    NULLIF(UPPER(TRIM(gateway.status)), '') AS gateway_status,
    COALESCE(ledger.created_at, gateway.created_at) AS created_at,
    CASE WHEN ledger.created_at IS NULL THEN gateway.created_local ELSE ledger.created_local END AS created_local,
    COALESCE(gateway.fee, ledger.fee) AS fee
FROM ledger
FULL JOIN gateway ON ledger.reference = gateway.reference
