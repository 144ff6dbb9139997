resource "aws_s3_bucket" "selfies" {
  bucket = "acme-selfies"
}

resource "aws_s3_bucket_lifecycle_configuration" "selfies" {
  bucket = aws_s3_bucket.selfies.id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = 30
    }
  }
}

resource "aws_dynamodb_table" "liveness" {
  name         = "liveness-sessions"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }
}
