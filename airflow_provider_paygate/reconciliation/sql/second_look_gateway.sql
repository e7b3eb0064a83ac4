-- The gateway's rows that are worth a second look.
SELECT side.*
FROM recon_gateway AS side
WHERE EXISTS (SELECT 1 FROM recon_second_look AS worth WHERE worth.reference = side.reference)
