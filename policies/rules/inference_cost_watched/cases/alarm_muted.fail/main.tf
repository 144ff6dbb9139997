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
  actions_enabled     = false
  alarm_actions       = [aws_sns_topic.who_pays.arn]

  dimensions = {
    EndpointName = aws_sagemaker_endpoint.detector.name
    VariantName  = "AllTraffic"
  }
}

resource "aws_sns_topic" "who_pays" {
  name = "who-pays"
}

resource "aws_sns_topic_subscription" "who_pays" {
  topic_arn = aws_sns_topic.who_pays.arn
  protocol  = "email"
  endpoint  = "who-pays@acme.example"
}
