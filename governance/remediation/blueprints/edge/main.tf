terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80"
    }
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4"
    }
  }
}

variable "name" {
  description = "What every name begins with."
  type        = string
  default     = "media-edge"
}

variable "published_bucket_domain" {
  description = "The published bucket's regional domain name (blueprint media-gate)."
  type        = string
}

variable "seal_public_key" {
  description = "The seal key's public key, DER in Base64 on one line, as aws kms get-public-key prints it."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+/]{100,200}={0,2}$", var.seal_public_key)) && length(var.seal_public_key) <= 200
    error_message = "A public key of P-256 in DER and Base64, without PEM's lines."
  }
}

variable "former_seal_public_key" {
  description = "The public key of the seal key before this one, in the same form, as long as media are published that it sealed; empty for none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9+/]{100,200}={0,2})?$", var.former_seal_public_key)) && length(var.former_seal_public_key) <= 200
    error_message = "A public key of P-256 in DER and Base64, without PEM's lines, or nothing."
  }
}

variable "domain_name" {
  description = "The host name of the media, such as media.shop.example."
  type        = string
}

variable "certificate_arn" {
  description = "Its certificate in ACM, in us-east-1."
  type        = string
}

variable "log_bucket_domain" {
  description = "The domain name of the bucket for access logs; its ACLs have to be on, since CloudFront's standard logs need them."
  type        = string
}

variable "web_acl_arn" {
  description = "A web ACL of WAF that limits rates. It is yours, since its rules are."
  type        = string
}

# The functions' code, in files beside this one; the public key is written in, since Lambda@Edge has no environment variables.
resource "aws_cloudfront_key_value_store" "takedowns" {
  name    = "${var.name}-takedowns"
  comment = "SHA-256 of each key that was taken down"
}

resource "aws_cloudfront_function" "viewer_request" {
  name                         = "${var.name}-viewer-request"
  comment                      = "Refuses what was taken down"
  runtime                      = "cloudfront-js-2.0"
  publish                      = true
  code                         = file("${path.module}/viewer_request.js")
  key_value_store_associations = [aws_cloudfront_key_value_store.takedowns.arn]
}

data "archive_file" "origin_response" {
  type        = "zip"
  output_path = "${path.module}/.build/origin_response.zip"

  source {
    filename = "index.js"
    content  = replace(replace(file("${path.module}/origin_response.js"), "@PUBLIC_KEYS@", "${var.seal_public_key} ${var.former_seal_public_key}"), "@SERVABLE@", "clean disclosed released")
  }
}

data "aws_iam_policy_document" "origin_response_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "origin_response" {
  name               = "${var.name}-origin-response"
  description        = "Lambda@Edge on origin-response, which calls nothing"
  assume_role_policy = data.aws_iam_policy_document.origin_response_trust.json
}

resource "aws_iam_role_policy_attachment" "origin_response" {
  role       = aws_iam_role.origin_response.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_lambda_function" "origin_response" {
  function_name    = "${var.name}-origin-response"
  description      = "Serves only what carries a verdict that the gate signed"
  runtime          = "nodejs22.x"
  handler          = "index.handler"
  role             = aws_iam_role.origin_response.arn
  filename         = data.archive_file.origin_response.output_path
  source_code_hash = data.archive_file.origin_response.output_base64sha256
  memory_size      = 128
  timeout          = 5
  publish          = true
}

resource "aws_cloudfront_origin_access_control" "published" {
  name                              = "${var.name}-published"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_distribution" "media" {
  enabled             = true
  comment             = "Published media, and nothing else"
  http_version        = "http2and3"
  is_ipv6_enabled     = true
  default_root_object = "index.html"
  aliases             = [var.domain_name]
  web_acl_id          = var.web_acl_arn

  origin {
    origin_id                = "published"
    domain_name              = var.published_bucket_domain
    origin_access_control_id = aws_cloudfront_origin_access_control.published.id
  }

  default_cache_behavior {
    target_origin_id           = "published"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = "658327ea-f89d-4fab-a63d-7e88639e58f6"
    response_headers_policy_id = "67f7725c-6f97-4210-82d7-5512b31e9d03"

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.viewer_request.arn
    }

    lambda_function_association {
      event_type = "origin-response"
      lambda_arn = aws_lambda_function.origin_response.qualified_arn
    }
  }

  logging_config {
    bucket          = var.log_bucket_domain
    prefix          = "media/"
    include_cookies = false
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    acm_certificate_arn      = var.certificate_arn
    ssl_support_method       = "sni-only"
    minimum_protocol_version = "TLSv1.2_2021"
  }
}

output "distribution_id" {
  description = "With rights of your own: averment media takedown --distribution ..."
  value       = aws_cloudfront_distribution.media.id
}

output "distribution_arn" {
  description = "For the media gate's parameter of that name"
  value       = aws_cloudfront_distribution.media.arn
}

output "key_value_store_arn" {
  description = "For the media gate's parameter of that name"
  value       = aws_cloudfront_key_value_store.takedowns.arn
}
