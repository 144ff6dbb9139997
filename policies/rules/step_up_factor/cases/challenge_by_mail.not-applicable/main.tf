resource "aws_cognito_user_pool" "buyers" {
  name = "buyers"

  lambda_config {
    verify_auth_challenge_response = aws_lambda_function.code.arn
  }
}

resource "aws_lambda_function" "code" {
  function_name = "verify-code"
  role          = aws_iam_role.code.arn
  runtime       = "python3.12"
  handler       = "code.handler"
  filename      = "code.zip"
}

resource "aws_iam_role" "code" {
  name = "verify-code"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "code" {
  name = "mail"
  role = aws_iam_role.code.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "ses:SendEmail", Resource = "*" }]
  })
}
