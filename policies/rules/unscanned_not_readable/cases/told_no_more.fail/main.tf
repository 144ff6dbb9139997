resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket      = aws_s3_bucket.uploads.id
  eventbridge = true
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
  arn  = aws_lambda_function.scan.arn
}

# The look that was there before: its rule is off, and its function answers whoever has the link.
resource "aws_cloudwatch_event_rule" "look" {
  name  = "look"
  state = "DISABLED"

  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail        = { bucket = { name = [aws_s3_bucket.uploads.bucket] } }
  })
}

resource "aws_cloudwatch_event_target" "look" {
  rule = aws_cloudwatch_event_rule.look.name
  arn  = aws_lambda_function.look.arn
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

resource "aws_iam_role" "scan" {
  name               = "scan"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role" "look" {
  name               = "look"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "look" {
  name = "look"
  role = aws_iam_role.look.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadUploads"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "${aws_s3_bucket.uploads.arn}/*"
      },
    ]
  })
}

resource "aws_lambda_function" "scan" {
  function_name = "scan"
  role          = aws_iam_role.scan.arn
  runtime       = "python3.12"
  handler       = "scan.handler"
  s3_bucket     = "acme-releases"
  s3_key        = "scan.zip"
}

resource "aws_lambda_function" "look" {
  function_name = "look"
  role          = aws_iam_role.look.arn
  runtime       = "python3.12"
  handler       = "look.handler"
  s3_bucket     = "acme-releases"
  s3_key        = "look.zip"
}

resource "aws_lambda_function_url" "look" {
  function_name      = aws_lambda_function.look.function_name
  authorization_type = "AWS_IAM"
}
