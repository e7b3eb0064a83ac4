-- Pass 1, second part: the same reference when case and blanks do not count, where it is the only such row on each side.
WITH ledger AS (
    SELECT reference_text, MIN(reference) AS reference FROM recon_open_ledger GROUP BY reference_text HAVING COUNT(*) = 1
), gateway AS (
    SELECT reference_text, MIN(reference) AS reference FROM recon_open_gateway GROUP BY reference_text HAVING COUNT(*) = 1
)
SELECT ledger.reference AS ledger_reference, gateway.reference AS gateway_reference, 'reference_text' AS pass
FROM ledger
JOIN gateway ON ledger.reference_text = gateway.reference_text
