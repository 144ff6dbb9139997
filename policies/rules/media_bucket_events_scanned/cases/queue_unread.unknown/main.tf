resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket      = aws_s3_bucket.uploads.id
  eventbridge = true
}

resource "aws_sqs_queue" "scan_dead" {
  name = "scan-dead"
}

resource "aws_sqs_queue" "scan" {
  name = "scan"

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.scan_dead.arn
    maxReceiveCount     = 5
  })
}

resource "aws_cloudwatch_event_rule" "scan" {
  name = "scan"

  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail        = { bucket = { name = [aws_s3_bucket.uploads.bucket] } }
  })
}

resource "aws_cloudwatch_event_target" "scan" {
  rule = aws_cloudwatch_event_rule.scan.name
  arn  = aws_sqs_queue.scan.arn
}
