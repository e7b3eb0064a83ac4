-- Every confirmed match and the pass that made it.
SELECT pass, reference AS ledger_reference, gateway_reference, CAST(NULL AS VARCHAR) AS settlement_id, ledger_amount, gateway_amount
FROM recon_compared
WHERE class IS NULL
UNION ALL
SELECT 'settlement_id' AS pass, CAST(NULL AS VARCHAR) AS ledger_reference, CAST(NULL AS VARCHAR) AS gateway_reference, settlement_id, ledger_amount, gateway_amount
FROM recon_settlements
WHERE agrees
UNION ALL
SELECT
    'reference' AS pass, ledger.reference AS ledger_reference, gateway.reference AS gateway_reference,
    CAST(NULL AS VARCHAR) AS settlement_id, ledger.amount AS ledger_amount, gateway.amount AS gateway_amount
FROM recon_ledger AS ledger
JOIN recon_gateway AS gateway ON gateway.reference = ledger.reference
WHERE
    NOT EXISTS (SELECT 1 FROM recon_by_reference AS seen WHERE seen.reference = ledger.reference)
    AND NOT EXISTS (SELECT 1 FROM recon_duplicates AS repeated WHERE repeated.reference = ledger.reference)
