# What the arguments of terraform-aws-modules/s3-bucket/aws mean for the rules (as of 5.15; the same since 3.9).
# Not the module: only what a rule looks at, written anew from its documented inputs and outputs.

variable "create_bucket" {
  default = true
}
variable "region" {
  default = null
}
variable "bucket" {
  default = null
}
variable "bucket_prefix" {
  default = null
}
variable "acl" {
  default = null
}
variable "grant" {
  default = []
}
variable "tags" {
  default = {}
}
variable "force_destroy" {
  default = false
}
variable "website" {
  default = {}
}
variable "cors_rule" {
  default = []
}
variable "versioning" {
  default = {}
}
variable "logging" {
  default = {}
}
variable "lifecycle_rule" {
  default = []
}
variable "metric_configuration" {
  default = []
}
variable "server_side_encryption_configuration" {
  default = {}
}
variable "object_lock_enabled" {
  default = false
}
variable "object_lock_configuration" {
  default = {}
}
variable "attach_policy" {
  default = false
}
variable "policy" {
  default = null
}
variable "attach_deny_insecure_transport_policy" {
  default = false
}
variable "attach_require_latest_tls_policy" {
  default = false
}
variable "attach_public_policy" {
  default = true
}
variable "block_public_acls" {
  default = true
}
variable "block_public_policy" {
  default = true
}
variable "ignore_public_acls" {
  default = true
}
variable "restrict_public_buckets" {
  default = true
}
variable "control_object_ownership" {
  default = false
}
variable "object_ownership" {
  default = "BucketOwnerEnforced"
}

locals {
  status = try(var.versioning["enabled"], var.versioning["status"], null)
}

resource "aws_s3_bucket" "this" {
  count = var.create_bucket ? 1 : 0

  region              = var.region
  bucket              = var.bucket
  bucket_prefix       = var.bucket_prefix
  tags                = var.tags
  object_lock_enabled = var.object_lock_enabled
}

resource "aws_s3_bucket_acl" "this" {
  count = var.create_bucket && var.acl != null ? 1 : 0

  bucket = aws_s3_bucket.this[0].id
  acl    = var.acl
}

resource "aws_s3_bucket_public_access_block" "this" {
  count = var.create_bucket && var.attach_public_policy ? 1 : 0

  bucket                  = aws_s3_bucket.this[0].id
  block_public_acls       = var.block_public_acls
  block_public_policy     = var.block_public_policy
  ignore_public_acls      = var.ignore_public_acls
  restrict_public_buckets = var.restrict_public_buckets
}

resource "aws_s3_bucket_versioning" "this" {
  count = var.create_bucket && length(keys(var.versioning)) > 0 ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  versioning_configuration {
    status = local.status == true || local.status == "true" || local.status == "Enabled" ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_logging" "this" {
  count = var.create_bucket && length(keys(var.logging)) > 0 ? 1 : 0

  bucket        = aws_s3_bucket.this[0].id
  target_bucket = var.logging["target_bucket"]
  target_prefix = try(var.logging["target_prefix"], null)
}

resource "aws_s3_bucket_cors_configuration" "this" {
  count = var.create_bucket && length(var.cors_rule) > 0 ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  dynamic "cors_rule" {
    for_each = var.cors_rule

    content {
      allowed_methods = cors_rule.value.allowed_methods
      allowed_origins = cors_rule.value.allowed_origins
    }
  }
}

resource "aws_s3_bucket_website_configuration" "this" {
  count = var.create_bucket && length(keys(var.website)) > 0 ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  index_document {
    suffix = try(var.website["index_document"], "index.html")
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  count = var.create_bucket && length(var.lifecycle_rule) > 0 ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  dynamic "rule" {
    for_each = var.lifecycle_rule

    content {
      id     = try(rule.value.id, null)
      status = try(rule.value.enabled ? "Enabled" : "Disabled", rule.value.status, "Enabled")

      filter {
        prefix                   = try(rule.value.filter.prefix, rule.value.prefix, null)
        object_size_greater_than = try(rule.value.filter.object_size_greater_than, null)
        object_size_less_than    = try(rule.value.filter.object_size_less_than, null)

        dynamic "tag" {
          for_each = try(rule.value.filter.tags, rule.value.filter.tag, {})

          content {
            key   = tag.key
            value = tag.value
          }
        }
      }

      dynamic "expiration" {
        for_each = try([rule.value.expiration], [])

        content {
          days = try(expiration.value.days, null)
          date = try(expiration.value.date, null)
        }
      }

      dynamic "noncurrent_version_expiration" {
        for_each = try([rule.value.noncurrent_version_expiration], [])

        content {
          noncurrent_days           = try(noncurrent_version_expiration.value.days, noncurrent_version_expiration.value.noncurrent_days, null)
          newer_noncurrent_versions = try(noncurrent_version_expiration.value.newer_noncurrent_versions, null)
        }
      }
    }
  }
}

resource "aws_s3_bucket_metric" "this" {
  count = var.create_bucket ? length(var.metric_configuration) : 0

  bucket = aws_s3_bucket.this[0].id
  name   = var.metric_configuration[count.index].name
}

resource "aws_s3_bucket_object_lock_configuration" "this" {
  count = var.create_bucket && var.object_lock_enabled && length(keys(var.object_lock_configuration)) > 0 ? 1 : 0

  bucket = aws_s3_bucket.this[0].id

  rule {
    default_retention {
      mode  = var.object_lock_configuration["rule"]["default_retention"]["mode"]
      days  = try(var.object_lock_configuration["rule"]["default_retention"]["days"], null)
      years = try(var.object_lock_configuration["rule"]["default_retention"]["years"], null)
    }
  }
}

data "aws_iam_policy_document" "this" {
  source_policy_documents = var.attach_policy ? [var.policy] : []

  dynamic "statement" {
    for_each = var.attach_deny_insecure_transport_policy ? [true] : []

    content {
      sid       = "RefusePlainHttp"
      effect    = "Deny"
      actions   = ["s3:*"]
      resources = [aws_s3_bucket.this[0].arn, "${aws_s3_bucket.this[0].arn}/*"]

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
  }
}

resource "aws_s3_bucket_policy" "this" {
  count = var.create_bucket && (var.attach_policy || var.attach_deny_insecure_transport_policy) ? 1 : 0

  bucket = aws_s3_bucket.this[0].id
  policy = data.aws_iam_policy_document.this.json
}

output "s3_bucket_id" {
  value = aws_s3_bucket.this[0].id
}
output "s3_bucket_arn" {
  value = aws_s3_bucket.this[0].arn
}
output "s3_bucket_bucket_domain_name" {
  value = aws_s3_bucket.this[0].bucket_domain_name
}
output "s3_bucket_bucket_regional_domain_name" {
  value = aws_s3_bucket.this[0].bucket_regional_domain_name
}
output "s3_bucket_website_endpoint" {
  value = aws_s3_bucket.this[0].website_endpoint
}
