# Who notices: access logs of what is served and uploaded, the evidence of what was done about it, and an alarm on the scan.

resource "aws_s3_bucket" "access_logs" {
  bucket = "${local.prefix}-access-logs"
}

resource "aws_s3_bucket_public_access_block" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_logging" "review_uploads" {
  bucket        = aws_s3_bucket.review_uploads.id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "review-uploads/"
}

resource "aws_s3_bucket_logging" "published" {
  bucket        = aws_s3_bucket.published.id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "published/"
}

resource "aws_s3_bucket_logging" "generated" {
  bucket        = aws_s3_bucket.generated.id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "campaign/"
}

# Verdicts, appeals and takedowns, for the auditors. Governance mode was meant for the first weeks.
resource "aws_s3_bucket" "evidence" {
  bucket              = "${local.prefix}-evidence"
  object_lock_enabled = true
}

resource "aws_s3_bucket_object_lock_configuration" "evidence" {
  bucket = aws_s3_bucket.evidence.id

  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = 365
    }
  }
}

resource "aws_s3_bucket_public_access_block" "evidence" {
  bucket = aws_s3_bucket.evidence.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_logging" "evidence" {
  bucket        = aws_s3_bucket.evidence.id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "evidence/"
}

resource "aws_sns_topic" "trust_on_call" {
  name = "${local.prefix}-trust-on-call"
}

resource "aws_sns_topic_subscription" "trust_on_call" {
  topic_arn = aws_sns_topic.trust_on_call.arn
  protocol  = "email"
  endpoint  = "trust@larkspur.example"
}

# The scan falls behind when more comes in than the detector can look at.
resource "aws_cloudwatch_metric_alarm" "scan_backlog" {
  alarm_name          = "${local.prefix}-scan-backlog"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.scan.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 900
  alarm_actions       = [aws_sns_topic.trust_on_call.arn]
}
