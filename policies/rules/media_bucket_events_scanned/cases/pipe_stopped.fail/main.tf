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

data "aws_iam_policy_document" "piping" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["pipes.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "piping" {
  name               = "piping"
  assume_role_policy = data.aws_iam_policy_document.piping.json
}

resource "aws_iam_role_policy" "piping" {
  name = "piping"
  role = aws_iam_role.piping.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Receive"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = aws_sqs_queue.scan.arn
      },
    ]
  })
}

# Stopped while the scanner was mended, and never started again.
resource "aws_pipes_pipe" "scan" {
  name          = "scan"
  role_arn      = aws_iam_role.piping.arn
  source        = aws_sqs_queue.scan.arn
  target        = aws_lambda_function.scanner.arn
  desired_state = "STOPPED"
}
