resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_cloudtrail" "main" {
  name           = "main"
  s3_bucket_name = "acme-trail-logs"
}
