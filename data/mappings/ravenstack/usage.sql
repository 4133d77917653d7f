-- One row per account, plan and day: the features used on that day, taken together. Nobody counted people.
SELECT
    account_id,
    plan_tier AS product_id,
    usage_date AS day,
    sum(CAST(usage_count AS DOUBLE)) AS events
FROM ravenstack_feature_usage AS used
JOIN ravenstack_subscriptions AS subscriptions ON subscriptions.subscription_id = used.subscription_id
GROUP BY account_id, plan_tier, usage_date
