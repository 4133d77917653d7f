"""Send times: past e-mails and who responded, how well the hour predicts responses, the best windows of a week."""
