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
}

resource "aws_lambda_event_source_mapping" "scan" {
  event_source_arn = aws_sqs_queue.scan.arn
  function_name    = aws_lambda_function.scanner.arn

  filter_criteria {
    filter {
      pattern = jsonencode({ body = { Records = { eventName = ["s3:ObjectCreated:*"] } } })
    }
  }
}
