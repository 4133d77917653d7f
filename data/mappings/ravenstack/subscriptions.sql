-- One row per subscription; trials cost nothing. The reason of an end is that of the account's churn event of that day.
WITH reasons AS (
    SELECT account_id, churn_date, min(reason_code) AS reason FROM ravenstack_churn_events
    GROUP BY account_id, churn_date
)
SELECT
    subscription_id,
    subscriptions.account_id,
    plan_tier AS product_id,
    seats,
    mrr_amount AS mrr,
    start_date AS started_at,
    end_date AS ended_at,
    reasons.reason AS end_reason,
    auto_renew_flag AS auto_renew
FROM ravenstack_subscriptions AS subscriptions
LEFT JOIN reasons ON reasons.account_id = subscriptions.account_id AND reasons.churn_date = subscriptions.end_date
