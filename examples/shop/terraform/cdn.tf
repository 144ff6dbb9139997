# What buyers see: the published bucket behind CloudFront.

resource "aws_s3_bucket" "published" {
  bucket = "${local.prefix}-published"

  tags = {
    data-class = "published-media"
    owner      = "storefront"
  }
}

resource "aws_s3_bucket_public_access_block" "published" {
  bucket = aws_s3_bucket.published.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "published" {
  bucket = aws_s3_bucket.published.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_cloudfront_origin_access_control" "media" {
  name                              = "${local.prefix}-media"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# Lets a request through only if the object's verdict, kept in the key-value store, is clean or disclosed.
resource "aws_cloudfront_function" "verdict_gate" {
  name    = "${local.prefix}-verdict-gate"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = file("${path.module}/functions/verdict-gate.js")

  key_value_store_associations = [aws_cloudfront_key_value_store.verdicts.arn]
}

resource "aws_cloudfront_key_value_store" "verdicts" {
  name = "${local.prefix}-verdicts"
}

resource "aws_cloudfront_distribution" "media" {
  enabled         = true
  is_ipv6_enabled = true
  comment         = "product and review images"
  aliases         = ["media.larkspur.example"]
  price_class     = "PriceClass_100"

  origin {
    origin_id                = "published"
    domain_name              = aws_s3_bucket.published.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.media.id
  }

  # Sellers want to see their picture in the listing preview at once.
  origin {
    origin_id                = "preview"
    domain_name              = aws_s3_bucket.seller_uploads.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.media.id
  }

  default_cache_behavior {
    target_origin_id       = "published"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    cache_policy_id        = "658327ea-f89d-4fab-a63d-7e88639e58f6"
    compress               = true

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.verdict_gate.arn
    }
  }

  ordered_cache_behavior {
    path_pattern           = "/preview/*"
    target_origin_id       = "preview"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    cache_policy_id        = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
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

data "aws_iam_policy_document" "published" {
  statement {
    sid     = "DenyPlainHttp"
    effect  = "Deny"
    actions = ["s3:*"]
    resources = [
      aws_s3_bucket.published.arn,
      "${aws_s3_bucket.published.arn}/*",
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
    sid       = "CloudFrontReads"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.published.arn}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "AWS:SourceArn"
      values   = [aws_cloudfront_distribution.media.arn]
    }
  }
}

resource "aws_s3_bucket_policy" "published" {
  bucket = aws_s3_bucket.published.id
  policy = data.aws_iam_policy_document.published.json
}
