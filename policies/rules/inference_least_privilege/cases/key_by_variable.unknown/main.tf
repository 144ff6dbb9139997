variable "usage" {
  type = string
}

resource "aws_kms_key" "content" {
  description              = "content signing"
  key_usage                = var.usage
  customer_master_key_spec = "ECC_NIST_P256"
}

resource "aws_iam_role" "batch" {
  name = "batch"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "batch" {
  name = "batch"
  role = aws_iam_role.batch.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["kms:*"]
      Resource = "*"
    }]
  })
}
