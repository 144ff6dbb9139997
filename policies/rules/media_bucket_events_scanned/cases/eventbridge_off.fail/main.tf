resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_sqs_queue" "scan" {
  name = "scan"
}

resource "aws_sqs_queue" "scan_failed" {
  name = "scan-failed"
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

  dead_letter_config {
    arn = aws_sqs_queue.scan_failed.arn
  }
}
