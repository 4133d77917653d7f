-- One row per month and team: what sales, marketing and success cost. Dated by the month's last day.
SELECT
    month, team, amount, known_at
FROM costs
