resource "aws_s3_bucket" "selfies" {
  bucket = "acme-selfies"
}
