-- What agrees, counted from the pairs themselves: rows and money per pass and currency, with how long settling took.
SELECT
    pass, ledger_currency, gateway_currency, DATE_DIFF('day', CAST(created_at AS DATE), CAST(settled_at AS DATE)) AS lag_days,
    COUNT(*) AS ledger_rows, COUNT(*) AS gateway_rows,
    SUM(ledger_amount) AS ledger_amount, SUM(gateway_amount) AS gateway_amount,
    COUNT(statement_rows) AS on_statement
FROM recon_compared
WHERE class IS NULL
GROUP BY pass, ledger_currency, gateway_currency, DATE_DIFF('day', CAST(created_at AS DATE), CAST(settled_at AS DATE))
UNION ALL
SELECT
    'settlement_id' AS pass, ledger_currency, gateway_currency, CAST(NULL AS BIGINT) AS lag_days,
    CAST(SUM(ledger_rows) AS BIGINT) AS ledger_rows, CAST(SUM(gateway_rows) AS BIGINT) AS gateway_rows,
    SUM(ledger_amount) AS ledger_amount, SUM(gateway_amount) AS gateway_amount,
    0 AS on_statement
FROM recon_settlements
WHERE agrees
GROUP BY ledger_currency, gateway_currency
