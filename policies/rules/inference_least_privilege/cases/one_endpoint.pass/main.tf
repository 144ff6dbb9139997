resource "aws_sagemaker_endpoint" "detector" {
  name                 = "detector"
  endpoint_config_name = "detector-v3"
}

resource "aws_iam_role" "scanner" {
  name = "scanner"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "scanner" {
  name = "scanner"
  role = aws_iam_role.scanner.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sagemaker:InvokeEndpoint"]
      Resource = aws_sagemaker_endpoint.detector.arn
    }]
  })
}
