resource "aws_s3_bucket" "selfies" {
  bucket = "face-check-website"
}
