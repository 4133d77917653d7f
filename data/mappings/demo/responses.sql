-- One row per answer of a person to an action that was proposed.
SELECT
    action_id, responded_at, actor, response, reason, until, known_at
FROM responses
