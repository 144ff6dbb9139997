resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3_access_point" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  name   = "uploads"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Read"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::999999999999:root" }
        Action    = "s3:GetObject"
        Resource  = "arn:aws:s3:eu-west-1:123456789012:accesspoint/uploads/object/*"
      }
    ]
  })
}
