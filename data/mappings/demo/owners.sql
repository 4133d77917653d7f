-- One row per person of ours who owns accounts or deals.
SELECT
    owner_id, name, email, team, manager_id, timezone, weekly_hours, known_at
FROM owners
