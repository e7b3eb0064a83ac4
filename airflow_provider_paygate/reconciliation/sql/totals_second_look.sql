-- Rows that pass 1 did not set aside, per side and currency. What came in, less these and the duplicates, agrees.
SELECT 'ledger' AS side, ledger_currency AS currency, COUNT(*) AS row_count, SUM(ledger_amount) AS amount
FROM recon_by_reference
WHERE in_ledger
GROUP BY ledger_currency
UNION ALL
SELECT 'gateway' AS side, gateway_currency AS currency, COUNT(*) AS row_count, SUM(gateway_amount) AS amount
FROM recon_by_reference
WHERE in_gateway
GROUP BY gateway_currency
