# What the arguments of cloudposse/s3-bucket/aws mean for the rules (as of 4.9; the same since 1.0).
# Not the module: only what a rule looks at, written anew from its documented inputs and outputs.

variable "enabled" {
  default = null
}
variable "context" {
  default = {}
}
variable "namespace" {
  default = null
}
variable "tenant" {
  default = null
}
variable "environment" {
  default = null
}
variable "stage" {
  default = null
}
variable "name" {
  default = null
}
variable "attributes" {
  default = []
}
variable "delimiter" {
  default = "-"
}
variable "tags" {
  default = {}
}
variable "bucket_name" {
  default = null
}
variable "acl" {
  default = "private"
}
variable "versioning_enabled" {
  default = true
}
variable "logging" {
  default = []
}
variable "source_policy_documents" {
  default = []
}
variable "policy" {
  default = null
}
variable "allow_ssl_requests_only" {
  default = false
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
variable "cors_configuration" {
  default = []
}
variable "cors_rule_inputs" {
  default = []
}
variable "object_lock_configuration" {
  default = null
}
variable "force_destroy" {
  default = false
}
variable "sse_algorithm" {
  default = "AES256"
}
variable "user_enabled" {
  default = false
}
variable "s3_object_ownership" {
  default = "ObjectWriter"
}

locals {
  enabled = coalesce(var.enabled, try(var.context["enabled"], null), true)
  words = [
    var.namespace != null ? var.namespace : try(var.context["namespace"], null),
    var.tenant != null ? var.tenant : try(var.context["tenant"], null),
    var.environment != null ? var.environment : try(var.context["environment"], null),
    var.stage != null ? var.stage : try(var.context["stage"], null),
    var.name != null ? var.name : try(var.context["name"], null),
  ]
  attributes = concat(try(var.context["attributes"], []), var.attributes)

  cors  = concat(coalesce(var.cors_configuration, []), coalesce(var.cors_rule_inputs, []))
  given = concat(var.source_policy_documents, var.policy == null ? [] : [var.policy])
}

resource "aws_s3_bucket" "default" {
  count = local.enabled ? 1 : 0

  bucket = var.bucket_name != null && var.bucket_name != "" ? var.bucket_name : lower(
    join(var.delimiter, compact(concat(local.words, local.attributes)))
  )
  tags                = var.tags
  object_lock_enabled = var.object_lock_configuration != null
}

resource "aws_s3_bucket_acl" "default" {
  count = local.enabled && var.acl != null && var.s3_object_ownership != "BucketOwnerEnforced" ? 1 : 0

  bucket = aws_s3_bucket.default[0].id
  acl    = var.acl
}

resource "aws_s3_bucket_public_access_block" "default" {
  count = local.enabled ? 1 : 0

  bucket                  = aws_s3_bucket.default[0].id
  block_public_acls       = var.block_public_acls
  block_public_policy     = var.block_public_policy
  ignore_public_acls      = var.ignore_public_acls
  restrict_public_buckets = var.restrict_public_buckets
}

resource "aws_s3_bucket_versioning" "default" {
  count = local.enabled ? 1 : 0

  bucket = aws_s3_bucket.default[0].id

  versioning_configuration {
    status = var.versioning_enabled ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_logging" "default" {
  count = local.enabled && try(length(var.logging), 0) > 0 ? 1 : 0

  bucket        = aws_s3_bucket.default[0].id
  target_bucket = try(var.logging[0]["bucket_name"], var.logging["bucket_name"])
  target_prefix = try(var.logging[0]["prefix"], var.logging["prefix"], null)
}

resource "aws_s3_bucket_cors_configuration" "default" {
  count = local.enabled && length(local.cors) > 0 ? 1 : 0

  bucket = aws_s3_bucket.default[0].id

  dynamic "cors_rule" {
    for_each = local.cors

    content {
      allowed_methods = cors_rule.value.allowed_methods
      allowed_origins = cors_rule.value.allowed_origins
    }
  }
}

resource "aws_s3_bucket_object_lock_configuration" "default" {
  count = local.enabled && var.object_lock_configuration != null ? 1 : 0

  bucket = aws_s3_bucket.default[0].id

  rule {
    default_retention {
      mode  = var.object_lock_configuration.mode
      days  = try(var.object_lock_configuration.days, null)
      years = try(var.object_lock_configuration.years, null)
    }
  }
}

data "aws_iam_policy_document" "default" {
  source_policy_documents = local.given

  dynamic "statement" {
    for_each = var.allow_ssl_requests_only ? [true] : []

    content {
      sid       = "RefusePlainHttp"
      effect    = "Deny"
      actions   = ["s3:*"]
      resources = [aws_s3_bucket.default[0].arn, "${aws_s3_bucket.default[0].arn}/*"]

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

resource "aws_s3_bucket_policy" "default" {
  count = local.enabled && (var.allow_ssl_requests_only || length(local.given) > 0) ? 1 : 0

  bucket = aws_s3_bucket.default[0].id
  policy = data.aws_iam_policy_document.default.json
}

output "bucket_id" {
  value = aws_s3_bucket.default[0].id
}
output "bucket_arn" {
  value = aws_s3_bucket.default[0].arn
}
output "bucket_domain_name" {
  value = aws_s3_bucket.default[0].bucket_domain_name
}
output "bucket_regional_domain_name" {
  value = aws_s3_bucket.default[0].bucket_regional_domain_name
}
