-- One row per thing an owner did with an account.
SELECT
    activity_id, account_id, contact_id, owner_id, kind, happened_at, known_at
FROM activities
