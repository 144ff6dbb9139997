# Campaign pictures from the image model: written here, signed, then served.

resource "aws_s3_bucket" "generated" {
  bucket = "${local.prefix}-campaign"

  tags = {
    data-class = "generated-media"
    owner      = "brand"
  }
}

resource "aws_s3_bucket_public_access_block" "generated" {
  bucket = aws_s3_bucket.generated.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

data "aws_iam_policy_document" "content_signing_key" {
  statement {
    sid       = "Admin"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }

  # The agency signs the pictures that it retouches for us.
  statement {
    sid       = "AgencySigns"
    actions   = ["kms:Sign", "kms:GetPublicKey"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.agency_account_id}:root"]
    }
  }
}

resource "aws_kms_key" "content_signing" {
  description              = "C2PA content credentials of campaign pictures"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
  deletion_window_in_days  = 30
  policy                   = data.aws_iam_policy_document.content_signing_key.json
}

resource "aws_kms_alias" "content_signing" {
  name          = "alias/${local.prefix}-content-signing"
  target_key_id = aws_kms_key.content_signing.key_id
}

# Signs the checkpoints of the evidence ledger.
resource "aws_kms_key" "evidence_signing" {
  description              = "checkpoints of the evidence ledger"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
  deletion_window_in_days  = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Admin"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.current.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

# The campaign site has a distribution of its own.
resource "aws_cloudfront_distribution" "campaign" {
  enabled     = true
  comment     = "campaign pictures"
  price_class = "PriceClass_100"

  origin {
    origin_id                = "campaign"
    domain_name              = aws_s3_bucket.generated.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.media.id
  }

  default_cache_behavior {
    target_origin_id       = "campaign"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    cache_policy_id        = "658327ea-f89d-4fab-a63d-7e88639e58f6"

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.verdict_gate.arn
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = true
  }
}
