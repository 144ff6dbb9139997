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
  alarm_actions       = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
}
