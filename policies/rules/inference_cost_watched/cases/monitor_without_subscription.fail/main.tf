resource "aws_sagemaker_endpoint" "detector" {
  name                 = "detector"
  endpoint_config_name = "detector-v3"
}

resource "aws_ce_anomaly_monitor" "services" {
  name              = "services"
  monitor_type      = "DIMENSIONAL"
  monitor_dimension = "SERVICE"
}
