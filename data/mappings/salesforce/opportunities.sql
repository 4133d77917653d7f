-- One row per Opportunity. CloseDate is the date that is hoped for, and can be typed in at will; a deal closed when its
-- stage last changed. Its product is that of its largest line.
WITH lines AS (
    SELECT
        opportunity_id,
        product2_id,
        row_number() OVER (
            PARTITION BY opportunity_id ORDER BY CAST(total_price AS DOUBLE) DESC, product2_id
        ) AS nth
    FROM opportunity_line_item
    WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
)
SELECT
    deals.id AS opportunity_id,
    account_id,
    owner_id,
    product2_id AS product_id,
    CASE
        WHEN lower(type) LIKE '%renew%' THEN 'renewal'
        WHEN lower(type) LIKE '%new%' THEN 'new'
        WHEN type IS NOT NULL THEN 'expansion'
    END AS kind,
    lead_source AS source,
    stage_name AS stage,
    amount,
    created_date AS created_at,
    close_date AS expected_close_at,
    CASE WHEN CAST(is_closed AS BOOLEAN)
        THEN coalesce(CAST(last_stage_change_date AS VARCHAR), CAST(close_date AS VARCHAR)) END AS closed_at,
    CASE WHEN CAST(is_won AS BOOLEAN) THEN 'won' WHEN CAST(is_closed AS BOOLEAN) THEN 'lost' END AS outcome,
    loss_reason_c AS lost_reason
FROM opportunity AS deals
LEFT JOIN lines ON lines.opportunity_id = deals.id AND lines.nth = 1
WHERE NOT coalesce(CAST(deals.is_deleted AS BOOLEAN), false)
