-- Every status as either side writes it, with the word for it and the state it means. What nobody knows is not final.
SELECT written.status AS word, COALESCE(known.status, UPPER(written.status)) AS status, COALESCE(known.state, 'open') AS state
FROM (
    SELECT status FROM recon_ledger WHERE status IS NOT NULL GROUP BY status
    UNION
    SELECT status FROM recon_gateway WHERE status IS NOT NULL GROUP BY status
) AS written
LEFT JOIN recon_known_words AS known ON known.word = UPPER(written.status)
