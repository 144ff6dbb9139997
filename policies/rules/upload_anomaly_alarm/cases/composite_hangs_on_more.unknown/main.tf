resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3_bucket_metric" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  name   = "all"
}

resource "aws_cloudwatch_metric_alarm" "uploads" {
  alarm_name          = "uploads"
  namespace           = "AWS/S3"
  metric_name         = "PutRequests"
  dimensions          = { BucketName = aws_s3_bucket.uploads.id, FilterId = "all" }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5000
}

resource "aws_cloudwatch_composite_alarm" "media" {
  alarm_name    = "media"
  alarm_rule    = "ALARM(\"${aws_cloudwatch_metric_alarm.uploads.alarm_name}\") AND ALARM(\"scan-backlog\")"
  alarm_actions = [aws_sns_topic.on_call.arn]
}

resource "aws_sns_topic" "on_call" {
  name = "on-call"
}

resource "aws_sns_topic_subscription" "on_call" {
  topic_arn = aws_sns_topic.on_call.arn
  protocol  = "https"
  endpoint  = "https://pager.acme.example/hook"
}
