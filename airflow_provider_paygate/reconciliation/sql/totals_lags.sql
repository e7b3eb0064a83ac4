-- How long settling took, as the gateway reports it.
SELECT DATE_DIFF('day', CAST(created_at AS DATE), CAST(settled_at AS DATE)) AS lag_days, COUNT(*) AS row_count
FROM recon_gateway
WHERE settled_at IS NOT NULL AND created_at IS NOT NULL
GROUP BY DATE_DIFF('day', CAST(created_at AS DATE), CAST(settled_at AS DATE))
