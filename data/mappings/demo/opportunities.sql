-- One row per deal, in the state it had when it was last known.
SELECT
    opportunity_id, account_id, owner_id, product_id, kind, source, stage, amount, created_at,
    expected_close_at, closed_at, outcome, lost_reason, known_at
FROM opportunities
