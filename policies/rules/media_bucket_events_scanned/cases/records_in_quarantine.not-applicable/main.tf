# Nobody uploads here, and nothing says that it is about media.
resource "aws_s3_bucket" "quarantine" {
  bucket = "acme-violations-quarantine"
}
