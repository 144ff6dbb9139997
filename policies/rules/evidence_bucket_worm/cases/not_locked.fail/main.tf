resource "aws_s3_bucket" "evidence" {
  bucket = "acme-evidence"
}
