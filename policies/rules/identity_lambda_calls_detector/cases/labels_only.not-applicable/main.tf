resource "aws_iam_role" "tagger" {
  name = "tagger"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "tagger" {
  name = "tagger"
  role = aws_iam_role.tagger.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["rekognition:DetectLabels"]
      Resource = "*"
    }]
  })
}

resource "aws_lambda_function" "tagger" {
  function_name = "tagger"
  role          = aws_iam_role.tagger.arn
  runtime       = "python3.12"
  handler       = "app.handler"
  filename      = "app.zip"
}
