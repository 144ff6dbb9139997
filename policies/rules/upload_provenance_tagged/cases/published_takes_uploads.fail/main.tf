resource "aws_s3_bucket" "uploads" {
  bucket = "acme-images"
}

resource "aws_s3_bucket_cors_configuration" "uploads" {
  bucket = aws_s3_bucket.uploads.id

  cors_rule {
    allowed_methods = ["PUT"]
    allowed_origins = ["https://shop.example"]
  }
}
