resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

variable "scanner" {
  type = string
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.uploads.id

  queue {
    queue_arn = var.scanner
    events    = ["s3:ObjectCreated:*"]
  }
}
