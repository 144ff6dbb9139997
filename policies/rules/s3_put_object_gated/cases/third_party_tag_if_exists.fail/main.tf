resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_s3_bucket_policy" "uploads" {
  bucket = aws_s3_bucket.uploads.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Partner"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::444455556666:root" }
        Action    = ["s3:PutObject", "s3:PutObjectAcl"]
        Resource  = "${aws_s3_bucket.uploads.arn}/partner/*"
        Condition = {
          StringEquals       = { "s3:x-amz-acl" = "bucket-owner-full-control" }
          StringLikeIfExists = { "s3:RequestObjectTag/provenance" = ["c2pa", "declared"] }
        }
      },
    ]
  })
}
