resource "aws_s3_bucket" "uploads" {
  bucket = "acme-uploads"
}

resource "aws_sqs_queue" "scan" {
  name = "scan"
}

resource "aws_s3_bucket_notification" "uploads" {
  bucket = aws_s3_bucket.uploads.id

  queue {
    queue_arn = aws_sqs_queue.scan.arn
    events    = ["s3:ObjectCreated:*"]
  }
}
