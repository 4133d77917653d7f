-- One row per OrderItem of an activated Order. The lines of a reduction order are returns.
WITH lines AS (
    SELECT
        orders.id AS order_id,
        items.id AS line_id,
        orders.account_id,
        bill_to_contact_id AS contact_id,
        product2_id AS product_id,
        CAST(quantity AS DOUBLE) AS quantity,
        coalesce(CAST(total_price AS DOUBLE), CAST(quantity AS DOUBLE) * CAST(unit_price AS DOUBLE)) AS amount,
        coalesce(CAST(activated_date AS VARCHAR), CAST(effective_date AS VARCHAR)) AS ordered_at,
        coalesce(CAST(is_reduction_order AS BOOLEAN), false) AS reduces,
        status
    FROM order_item AS items
    JOIN "order" AS orders ON orders.id = items.order_id
    WHERE coalesce(status_code, 'Activated') <> 'Draft'
        AND NOT coalesce(CAST(items.is_deleted AS BOOLEAN), false)
        AND NOT coalesce(CAST(orders.is_deleted AS BOOLEAN), false)
)
SELECT
    order_id,
    line_id,
    account_id,
    contact_id,
    product_id,
    CASE WHEN reduces THEN -abs(quantity) ELSE quantity END AS quantity,
    CASE WHEN reduces THEN -abs(amount) ELSE amount END AS amount,
    ordered_at,
    CASE WHEN reduces THEN 'returned' WHEN lower(status) IN ('cancelled', 'canceled') THEN 'cancelled' ELSE 'placed' END
        AS status
FROM lines
