resource "aws_iam_role" "checkout" {
  name = "checkout"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "checkout" {
  name = "checkout"
  role = aws_iam_role.checkout.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["rekognition:CompareFaces", "rekognition:GetFaceLivenessSessionResults"]
      Resource = "*"
    }]
  })
}

resource "aws_lambda_function" "checkout" {
  function_name = "checkout"
  role          = aws_iam_role.checkout.arn
  runtime       = "python3.12"
  handler       = "app.handler"
  filename      = "app.zip"

  environment {
    variables = {
      DETECTOR_URL = "https://detector.example.com/v1/score"
    }
  }
}
