-- References that stand more than once on one side. They are matched with nothing: which row would be the right one?
SELECT reference
FROM (
    SELECT reference FROM recon_ledger GROUP BY reference HAVING COUNT(*) > 1
    UNION ALL
    SELECT reference FROM recon_gateway GROUP BY reference HAVING COUNT(*) > 1
) AS repeated
GROUP BY reference
