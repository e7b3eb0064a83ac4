-- What came in: rows and money per side and currency.
SELECT 'ledger' AS side, currency, COUNT(*) AS row_count, SUM(amount) AS amount FROM recon_ledger GROUP BY currency
UNION ALL
SELECT 'gateway' AS side, currency, COUNT(*) AS row_count, SUM(amount) AS amount FROM recon_gateway GROUP BY currency
