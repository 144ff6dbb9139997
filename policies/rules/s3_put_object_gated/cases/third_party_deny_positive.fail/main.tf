resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3_bucket_policy" "uploads" {
  bucket = aws_s3_bucket.uploads.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { AWS = "444455556666" }
        Action    = "s3:Put*"
        Resource  = "${aws_s3_bucket.uploads.arn}/*"
      },
      {
        Sid       = "RefuseUnknownProvenance"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${aws_s3_bucket.uploads.arn}/*"
        Condition = {
          StringEquals = { "s3:RequestObjectTag/provenance" = "none" }
        }
      },
    ]
  })
}
