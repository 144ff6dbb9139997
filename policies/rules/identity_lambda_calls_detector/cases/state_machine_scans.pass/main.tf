resource "aws_iam_role" "scan" {
  name = "scan"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "scan" {
  name = "scan"
  role = aws_iam_role.scan.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sagemaker:InvokeEndpoint"]
      Resource = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/detector"
    }]
  })
}

resource "aws_lambda_function" "scan" {
  function_name = "scan"
  role          = aws_iam_role.scan.arn
  runtime       = "python3.12"
  handler       = "app.handler"
  filename      = "app.zip"
}

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
}

resource "aws_iam_role" "onboarding" {
  name = "onboarding"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "states.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_sfn_state_machine" "onboarding" {
  name     = "onboarding"
  role_arn = aws_iam_role.onboarding.arn

  definition = jsonencode({
    StartAt = "Scan"
    States = {
      Scan    = { Type = "Task", Resource = "arn:aws:states:::lambda:invoke", Parameters = { FunctionName = aws_lambda_function.scan.arn }, Next = "Compare" }
      Compare = { Type = "Task", Resource = "arn:aws:states:::lambda:invoke", Parameters = { FunctionName = aws_lambda_function.checkout.arn }, End = true }
    }
  })
}
