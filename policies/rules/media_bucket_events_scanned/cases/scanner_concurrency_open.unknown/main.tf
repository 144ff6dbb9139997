variable "concurrency" {
  type = number
}

resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
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

  reserved_concurrent_executions = var.concurrency
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.uploads.id

  lambda_function {
    lambda_function_arn = aws_lambda_function.scanner.arn
    events              = ["s3:ObjectCreated:*"]
  }
}
