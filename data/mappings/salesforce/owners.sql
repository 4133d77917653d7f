-- One row per User.
SELECT id AS owner_id, name, email, department AS team, manager_id, time_zone_sid_key AS timezone FROM "user"
