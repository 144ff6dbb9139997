variable "rules" {
  type = any
}

resource "aws_s3_bucket" "selfies" {
  bucket = "acme-selfies"
}

resource "aws_s3_bucket_lifecycle_configuration" "selfies" {
  bucket = aws_s3_bucket.selfies.id

  dynamic "rule" {
    for_each = var.rules

    content {
      id     = rule.value.id
      status = "Enabled"
      filter {}

      expiration {
        days = rule.value.days
      }
    }
  }
}
