variable "methods" {
  type = list(string)
}

resource "aws_s3_bucket" "photos" {
  bucket = "acme-photos"
}

resource "aws_s3_bucket_cors_configuration" "photos" {
  bucket = aws_s3_bucket.photos.id

  cors_rule {
    allowed_methods = var.methods
    allowed_origins = ["https://shop.acme.example"]
  }
}
