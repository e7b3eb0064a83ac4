-- Every confirmed match and the pass that made it.
SELECT pass, reference AS ledger_reference, gateway_reference, CAST(NULL AS VARCHAR) AS settlement_id, ledger_amount, gateway_amount
FROM recon_compared
WHERE class IS NULL
UNION ALL
SELECT 'settlement_id' AS pass, CAST(NULL AS VARCHAR) AS ledger_reference, CAST(NULL AS VARCHAR) AS gateway_reference, settlement_id, ledger_amount, gateway_amount
FROM recon_settlements
WHERE agrees
