-- One row per sales agent and per manager; a team is a regional office.
SELECT sales_agent AS owner_id, sales_agent AS name, regional_office AS team, manager AS manager_id FROM sales_teams
UNION ALL
SELECT manager, manager, min(regional_office), CAST(NULL AS VARCHAR) FROM sales_teams GROUP BY manager
