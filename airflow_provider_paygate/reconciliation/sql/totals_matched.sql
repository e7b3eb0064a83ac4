-- What agrees at the second look: rows and money per pass and currency, and how much of it the bank confirms.
SELECT
    pass, ledger_currency, gateway_currency,
    COUNT(*) AS ledger_rows, COUNT(*) AS gateway_rows,
    SUM(ledger_amount) AS ledger_amount, SUM(gateway_amount) AS gateway_amount,
    COUNT(statement_rows) AS on_statement
FROM recon_compared
WHERE class IS NULL
GROUP BY pass, ledger_currency, gateway_currency
UNION ALL
SELECT
    'settlement_id' AS pass, ledger_currency, gateway_currency,
    CAST(SUM(ledger_rows) AS BIGINT) AS ledger_rows, CAST(SUM(gateway_rows) AS BIGINT) AS gateway_rows,
    SUM(ledger_amount) AS ledger_amount, SUM(gateway_amount) AS gateway_amount,
    0 AS on_statement
FROM recon_settlements
WHERE agrees
GROUP BY ledger_currency, gateway_currency
