resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3_bucket" "shown" {
  bucket = "acme-shown"
}

# Every object is copied as it comes, and read there by everybody.
resource "aws_s3_bucket_replication_configuration" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  role   = "arn:aws:iam::123456789012:role/replication"

  rule {
    id     = "everything"
    status = "Enabled"

    destination {
      bucket = aws_s3_bucket.shown.arn
    }
  }
}

resource "aws_s3_bucket_policy" "shown" {
  bucket = aws_s3_bucket.shown.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Partner"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::999999999999:root" }
        Action    = "s3:GetObject"
        Resource  = "${aws_s3_bucket.shown.arn}/*"
      },
    ]
  })
}
