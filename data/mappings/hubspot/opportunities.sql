-- One row per deal. The close date of an open deal is the one that is hoped for.
SELECT
    deal.id AS opportunity_id,
    coalesce(CAST(hs_primary_associated_company AS VARCHAR), CAST(companies.company_id AS VARCHAR)) AS account_id,
    coalesce(CAST(hubspot_owner_id AS VARCHAR), CAST(owner_id AS VARCHAR)) AS owner_id,
    CASE dealtype WHEN 'newbusiness' THEN 'new' WHEN 'existingbusiness' THEN 'expansion' END AS kind,
    hs_analytics_source AS source,
    coalesce(CAST(dealstage AS VARCHAR), CAST(deal_pipeline_stage_id AS VARCHAR)) AS stage,
    amount,
    createdate AS created_at,
    closedate AS expected_close_at,
    CASE WHEN CAST(hs_is_closed AS BOOLEAN) THEN closedate END AS closed_at,
    CASE WHEN CAST(hs_is_closed_won AS BOOLEAN) THEN 'won' WHEN CAST(hs_is_closed AS BOOLEAN) THEN 'lost' END
        AS outcome,
    closed_lost_reason AS lost_reason
FROM deal
LEFT JOIN (SELECT deal_id, min(company_id) AS company_id FROM deal_company GROUP BY deal_id) AS companies
    ON CAST(companies.deal_id AS VARCHAR) = CAST(deal.id AS VARCHAR)
WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false) AND NOT coalesce(CAST(archived AS BOOLEAN), false)
