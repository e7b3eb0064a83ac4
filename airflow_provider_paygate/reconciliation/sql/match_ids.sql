-- Pass 2, last part: the pairs that transaction id or UTR prove. Whatever is ambiguous stays open.
SELECT shared.ledger_reference, shared.gateway_reference, MIN(shared.kind) AS pass
FROM recon_shared_ids AS shared
LEFT JOIN recon_ambiguous AS l ON l.side = 'ledger' AND l.reference = shared.ledger_reference
LEFT JOIN recon_ambiguous AS g ON g.side = 'gateway' AND g.reference = shared.gateway_reference
WHERE shared.ledger_rows = 1 AND shared.gateway_rows = 1 AND l.reference IS NULL AND g.reference IS NULL
GROUP BY shared.ledger_reference, shared.gateway_reference
