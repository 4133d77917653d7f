"""Models: one file per model at the top, the machinery that they call in the rooms below.

registry            every model of the night
model               the protocol of a model
survival            time to event: churn, repeat orders, ends and growth of subscriptions, upsell
deals               how open deals end
customer_value      expected revenue and lifetime value
ranking             candidate generation and ranking of products
send_times          responses to e-mail by the hour at which it was sent
forecasting         time-series forecasts, of any series
revenue             the revenue forecast, bottom-up and top-down
estimators          estimators that know no company
evaluation          metrics, time splits, bootstrap, target leakage
training            champion and challenger, tuning, MLflow
scoring             published score tables
plots               figures
"""
