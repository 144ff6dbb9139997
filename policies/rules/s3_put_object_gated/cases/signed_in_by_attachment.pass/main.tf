resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_cognito_identity_pool" "shop" {
  identity_pool_name               = "shop"
  allow_unauthenticated_identities = true
}

resource "aws_iam_role" "visitor" {
  name = "visitor"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = "cognito-identity.amazonaws.com" }
      Action    = "sts:AssumeRoleWithWebIdentity"
    }]
  })
}

resource "aws_iam_role_policy" "visitor" {
  name = "uploads"
  role = aws_iam_role.visitor.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "s3:PutObject"
      Resource = "${aws_s3_bucket.uploads.arn}/visitors/*"
    }]
  })
}

resource "aws_cognito_identity_pool_roles_attachment" "shop" {
  identity_pool_id = aws_cognito_identity_pool.shop.id

  roles = {
    authenticated = aws_iam_role.visitor.arn
  }
}
