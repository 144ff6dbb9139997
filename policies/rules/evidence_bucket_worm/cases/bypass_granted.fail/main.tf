resource "aws_s3_bucket" "evidence" {
  bucket              = "acme-evidence"
  object_lock_enabled = true
}

resource "aws_s3_bucket_object_lock_configuration" "evidence" {
  bucket = aws_s3_bucket.evidence.id

  rule {
    default_retention {
      mode = "COMPLIANCE"
      days = 365
    }
  }
}

resource "aws_s3_bucket_policy" "evidence" {
  bucket = aws_s3_bucket.evidence.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::123456789012:role/records" }
      Action    = ["s3:PutObject", "s3:BypassGovernanceRetention"]
      Resource  = "${aws_s3_bucket.evidence.arn}/*"
    }]
  })
}
