-- One row per product that can be sold; tiers of one family are products of their own.
SELECT
    product_id, name, family, tier, list_price, margin_rate, recurring, replaces_product_id,
    requires_product_id, active_from, active_to, in_stock, known_at
FROM products
