resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.uploads.id

  queue {
    queue_arn = aws_sqs_queue.scan.arn
    events    = ["s3:ObjectCreated:*"]
  }
}

resource "aws_sqs_queue" "scan" {
  name = "scan"
}

data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "functions" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

# The scanner is a task that receives from the queue.
resource "aws_iam_role" "scan" {
  name               = "scan"
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy" "scan" {
  name = "scan"
  role = aws_iam_role.scan.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Receive"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
        Resource = aws_sqs_queue.scan.arn
      },
      {
        Sid      = "Scan"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObjectTagging"]
        Resource = "${aws_s3_bucket.uploads.arn}/*"
      },
    ]
  })
}

resource "aws_iam_role" "show" {
  name               = "show"
  assume_role_policy = data.aws_iam_policy_document.functions.json
}

resource "aws_iam_role_policy" "show" {
  name = "show"
  role = aws_iam_role.show.id

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

resource "aws_lambda_function" "show" {
  function_name = "show"
  role          = aws_iam_role.show.arn
  runtime       = "python3.12"
  handler       = "show.handler"
  s3_bucket     = "acme-releases"
  s3_key        = "show.zip"
}

resource "aws_lambda_function_url" "show" {
  function_name      = aws_lambda_function.show.function_name
  authorization_type = "AWS_IAM"
}
