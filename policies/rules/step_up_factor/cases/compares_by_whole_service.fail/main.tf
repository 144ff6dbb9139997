resource "aws_cognito_user_pool" "buyers" {
  name = "buyers"

  mfa_configuration = "OFF"
}

resource "aws_iam_role" "compare-faces" {
  name = "compare-faces"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "compare-faces" {
  name = "rekognition"
  role = aws_iam_role.compare-faces.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["rekognition:*"]
      Resource = "*"
    }]
  })
}
