resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket      = aws_s3_bucket.uploads.id
  eventbridge = true
}

resource "aws_cloudtrail" "main" {
  name           = "main"
  s3_bucket_name = "acme-trail-logs"

  event_selector {
    read_write_type           = "All"
    include_management_events = true
  }
}

resource "aws_cloudwatch_event_rule" "scan" {
  name = "scan"

  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["AWS API Call via CloudTrail"]
    detail = {
      eventSource       = ["s3.amazonaws.com"]
      eventName         = ["PutObject", "CopyObject", "CompleteMultipartUpload"]
      requestParameters = { bucketName = [aws_s3_bucket.uploads.bucket] }
    }
  })
}

resource "aws_cloudwatch_event_target" "scan" {
  rule = aws_cloudwatch_event_rule.scan.name
  arn  = aws_lambda_function.scanner.arn
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "scanner" {
  name               = "scanner"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_lambda_function" "scanner" {
  function_name = "scanner"
  role          = aws_iam_role.scanner.arn
  runtime       = "python3.12"
  handler       = "scan.handler"
  s3_bucket     = "acme-releases"
  s3_key        = "scanner.zip"

  dead_letter_config {
    target_arn = "arn:aws:sqs:eu-west-1:123456789012:scan-dead"
  }
}
