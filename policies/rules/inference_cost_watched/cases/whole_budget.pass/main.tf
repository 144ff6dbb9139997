resource "aws_sagemaker_endpoint" "detector" {
  name                 = "detector"
  endpoint_config_name = "detector-v3"
}

resource "aws_budgets_budget" "spend" {
  name         = "spend"
  budget_type  = "COST"
  limit_amount = "500"
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  notification {
    comparison_operator        = "GREATER_THAN"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    notification_type          = "ACTUAL"
    subscriber_email_addresses = ["costs@acme.example"]
  }
}
