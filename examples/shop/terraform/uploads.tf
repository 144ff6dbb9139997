# Two ways in: photos that buyers attach to reviews, and product images from sellers.

# --- review photos -------------------------------------------------------------------------------

resource "aws_s3_bucket" "review_uploads" {
  bucket = "${local.prefix}-review-uploads"

  tags = {
    data-class = "ugc"
    owner      = "reviews"
  }
}

resource "aws_s3_bucket_public_access_block" "review_uploads" {
  bucket = aws_s3_bucket.review_uploads.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "review_uploads" {
  bucket = aws_s3_bucket.review_uploads.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_notification" "review_uploads" {
  bucket      = aws_s3_bucket.review_uploads.id
  eventbridge = true
}

data "aws_iam_policy_document" "review_uploads" {
  statement {
    sid     = "DenyPlainHttp"
    effect  = "Deny"
    actions = ["s3:*"]
    resources = [
      aws_s3_bucket.review_uploads.arn,
      "${aws_s3_bucket.review_uploads.arn}/*",
    ]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "ModerationWritesCrops"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.review_uploads.arn}/cropped/*"]

    principals {
      type        = "AWS"
      identifiers = [var.moderation_principal_arn]
    }
  }
}

resource "aws_s3_bucket_policy" "review_uploads" {
  bucket = aws_s3_bucket.review_uploads.id
  policy = data.aws_iam_policy_document.review_uploads.json
}

# --- product images from sellers -----------------------------------------------------------------

resource "aws_s3_bucket" "seller_uploads" {
  bucket = "${local.prefix}-seller-uploads"

  tags = {
    data-class = "ugc"
    owner      = "sellers"
  }
}

resource "aws_s3_bucket_versioning" "seller_uploads" {
  bucket = aws_s3_bucket.seller_uploads.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_notification" "seller_uploads" {
  bucket      = aws_s3_bucket.seller_uploads.id
  eventbridge = true
}

# --- the scan: every new object goes to the detector's queue --------------------------------------

resource "aws_cloudwatch_event_rule" "scan_uploads" {
  name        = "${local.prefix}-scan-uploads"
  description = "New user media to the detector"

  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail = {
      bucket = { name = ["${local.prefix}-review-uploads"] }
    }
  })
}

resource "aws_sqs_queue" "scan_dead" {
  name                      = "${local.prefix}-scan-dead"
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue" "scan" {
  name                       = "${local.prefix}-scan"
  visibility_timeout_seconds = 180

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.scan_dead.arn
    maxReceiveCount     = 5
  })
}

data "aws_iam_policy_document" "scan_queue" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.scan.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.scan_uploads.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "scan" {
  queue_url = aws_sqs_queue.scan.id
  policy    = data.aws_iam_policy_document.scan_queue.json
}

resource "aws_cloudwatch_event_target" "scan_uploads" {
  rule = aws_cloudwatch_event_rule.scan_uploads.name
  arn  = aws_sqs_queue.scan.arn

  dead_letter_config {
    arn = aws_sqs_queue.scan_dead.arn
  }
}

# The function is part of the detector's own repository.
resource "aws_lambda_event_source_mapping" "scan" {
  event_source_arn = aws_sqs_queue.scan.arn
  function_name    = "${local.prefix}-detector-scan"
}
