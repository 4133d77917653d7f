-- One row per plan. Every subscription that is paid for costs the plan's price times its seats.
SELECT
    plan_tier AS product_id,
    plan_tier || ' plan' AS name,
    'plan' AS family,
    CASE plan_tier WHEN 'Basic' THEN 1 WHEN 'Pro' THEN 2 WHEN 'Enterprise' THEN 3 END AS tier,
    CASE plan_tier WHEN 'Basic' THEN 19 WHEN 'Pro' THEN 49 WHEN 'Enterprise' THEN 199 END AS list_price,
    true AS recurring
FROM ravenstack_subscriptions
GROUP BY plan_tier
