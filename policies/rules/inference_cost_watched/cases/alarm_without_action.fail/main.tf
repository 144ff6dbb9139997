resource "aws_sagemaker_endpoint" "detector" {
  name                 = "detector"
  endpoint_config_name = "detector-v3"
}

resource "aws_cloudwatch_metric_alarm" "asked_too_often" {
  alarm_name          = "asked-too-often"
  namespace           = "AWS/SageMaker"
  metric_name         = "Invocations"
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  threshold           = 100000
  comparison_operator = "GreaterThanThreshold"

  dimensions = {
    EndpointName = aws_sagemaker_endpoint.detector.name
    VariantName  = "AllTraffic"
  }
}
