resource "aws_s3_bucket" "evidence" {
  bucket              = "acme-evidence"
  object_lock_enabled = true
}
