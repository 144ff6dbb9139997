resource "aws_iam_role" "signer" {
  name = "signer"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "signer" {
  name = "signer"
  role = aws_iam_role.signer.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["kms:Sign", "kms:GetPublicKey"]
      Resource = "arn:aws:kms:eu-west-1:123456789012:key/*"
    }]
  })
}
