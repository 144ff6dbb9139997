resource "aws_s3_bucket" "checks" {
  bucket = "acme-checks"

  tags = {
    data-class = "biometric"
  }
}
