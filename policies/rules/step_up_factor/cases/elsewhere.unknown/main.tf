resource "aws_cognito_user_pool" "buyers" {
  name = "buyers"
}

resource "aws_cognito_user_pool_client" "staff" {
  name                         = "staff"
  user_pool_id                 = aws_cognito_user_pool.buyers.id
  supported_identity_providers = ["Okta"]
}

resource "aws_iam_role" "checkout" {
  name = "checkout"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "checkout" {
  name = "faces"
  role = aws_iam_role.checkout.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["rekognition:CompareFaces"]
      Resource = "*"
    }]
  })
}
