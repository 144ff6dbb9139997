resource "aws_kms_key" "data" {
  description = "encrypts the order table"
}
