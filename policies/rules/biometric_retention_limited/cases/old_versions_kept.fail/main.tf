resource "aws_s3_bucket" "selfies" {
  bucket = "acme-selfies"
}

resource "aws_s3_bucket_versioning" "selfies" {
  bucket = aws_s3_bucket.selfies.id

  versioning_configuration {
    status = "Enabled"
  }
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
