resource "aws_kms_key" "signing" {
  description              = "content signing"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
}

resource "aws_iam_role" "agency" {
  name = "agency"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { AWS = "arn:aws:iam::999988887777:root" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "agency" {
  name = "agency"
  role = aws_iam_role.agency.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["kms:Sign"]
      Resource = aws_kms_key.signing.arn
    }]
  })
}
