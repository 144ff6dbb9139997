resource "aws_s3_bucket" "published" {
  bucket = "acme-published"
}
