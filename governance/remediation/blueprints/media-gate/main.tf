terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

variable "name" {
  description = "What every name begins with; those of buckets go on as AWS makes them up, since no two in the world may be the same. Each region takes a name of its own, since roles are the account's."
  type        = string
  default     = "media-gate"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,23}$", var.name))
    error_message = "At most 24 lower-case letters, digits and hyphens, since names of buckets begin with it."
  }
}

variable "image_uri" {
  description = "The container image of the functions, with averment[detector,credentials,aws] in it."
  type        = string
}

variable "alarm_email" {
  description = "Who hears of failing scans."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.alarm_email))
    error_message = "A mail address."
  }
}

variable "detector_endpoint" {
  description = "A SageMaker real-time endpoint for images above small_bytes, with a name in small letters, as its ARN has it whatever its name. With none, the function's own detector scores them all."
  type        = string
  default     = "none"

  validation {
    condition     = can(regex("^[a-z0-9](-*[a-z0-9]){0,62}$", var.detector_endpoint))
    error_message = "At most 63 lower-case letters, digits and hyphens: SageMaker's ARNs have no others, and IAM goes by those."
  }
}

variable "async_endpoint" {
  description = "A SageMaker asynchronous endpoint for videos, with a name in small letters as well. With none, videos are held for a person."
  type        = string
  default     = "none"

  validation {
    condition     = can(regex("^[a-z0-9](-*[a-z0-9]){0,62}$", var.async_endpoint))
    error_message = "At most 63 lower-case letters, digits and hyphens: SageMaker's ARNs have no others, and IAM goes by those."
  }
}

variable "endpoint_role_arn" {
  description = "The role of the asynchronous endpoint (blueprint detector-endpoint, model_role_arn). It alone, beside the gate, may read and write the work bucket; async_endpoint needs it."
  type        = string
  default     = "none"
}

variable "small_bytes" {
  description = "Up to this size the function's own detector scores an image, if detector_endpoint is set."
  type        = number
  default     = 1048576

  validation {
    condition     = var.small_bytes >= 1
    error_message = "One byte at least."
  }
}

variable "disclosed" {
  description = "What happens to an upload of which a trusted signer says that AI made it. Signers are trusted by trust_anchors."
  type        = string
  default     = "hold"

  validation {
    condition     = contains(["hold", "publish"], var.disclosed)
    error_message = "hold or publish."
  }
}

variable "trust_anchors" {
  description = "BUCKET/KEY of a PEM file in this account with the authorities whose signers are trusted. With none, credentials are read and nobody is trusted."
  type        = string
  default     = "none"

  validation {
    condition     = can(regex("^(none|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9!_.()/-]+)$", var.trust_anchors))
    error_message = "BUCKET/KEY, or none."
  }
}

variable "origin_keys" {
  description = "BUCKET/KEY of a PEM file in this account with the public keys of partners who seal what they upload. With none, seals are not looked at."
  type        = string
  default     = "none"

  validation {
    condition     = can(regex("^(none|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9!_.()/-]+)$", var.origin_keys))
    error_message = "BUCKET/KEY, or none."
  }
}

variable "unjudged" {
  description = "What happens to published media that a later scan can't judge. What one flags is withdrawn in any case."
  type        = string
  default     = "withdraw"

  validation {
    condition     = contains(["withdraw", "keep"], var.unjudged)
    error_message = "withdraw or keep."
  }
}

variable "distribution_arn" {
  description = "The CloudFront distribution that may read the published bucket (blueprint edge). Empty, nobody may yet."
  type        = string
  default     = ""
}

variable "key_value_store_arn" {
  description = "The key-value store of what was taken down (blueprint edge). With none, a takedown relies on withdrawal and invalidation."
  type        = string
  default     = "none"
}

variable "media_address" {
  description = "Where viewers find the media, such as https://media.shop.example. With it a takedown ends with the proof that nothing is served there."
  type        = string
  default     = "none"

  validation {
    condition     = can(regex("^(none|https://[a-z0-9.-]+)$", var.media_address))
    error_message = "https://HOST, or none."
  }
}

variable "seal_role_arn" {
  description = "The role of the function that marks generated media (blueprint signing), which may publish and seal verdicts, too."
  type        = string
  default     = "none"
}

variable "further_reviewer_role_arn" {
  description = "A role beside the blueprint's own whose sessions may decide, as one of IAM Identity Center. It needs the policy under reviewer_policy_arn."
  type        = string
  default     = "none"
}

variable "responder_role_arn" {
  description = "The role that preserves evidence in an incident and may read what is in quarantine. It needs the policy under responder_policy_arn."
  type        = string
  default     = "none"
}

variable "review_hours" {
  description = "How long a held upload or an appeal may wait for a person before an alarm tells who is on call."
  type        = number
  default     = 24

  validation {
    condition     = var.review_hours >= 1
    error_message = "One hour or more."
  }
}

variable "concurrency" {
  description = "How many scans run at once."
  type        = number
  default     = 10

  validation {
    condition     = var.concurrency >= 2 && var.concurrency <= 1000
    error_message = "Two at least, 1,000 at most."
  }
}

variable "retention_days" {
  description = "How long verdicts are kept in the log."
  type        = number
  default     = 400

  validation {
    condition     = contains([365, 400, 545, 731, 1827, 3653], var.retention_days)
    error_message = "One of CloudWatch's own."
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_iam_policy_document" "data_key" {
  statement {
    sid       = "AccountDecidesByItsPolicies"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }

  statement {
    sid       = "ServicesThatDeliver"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "sns.amazonaws.com", "cloudwatch.amazonaws.com", "sagemaker.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${data.aws_region.current.name}.amazonaws.com${data.aws_partition.current.partition == "aws-cn" ? ".cn" : ""}"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:*"]
    }
  }
}

resource "aws_kms_key" "data" {
  description         = "Quarantined media, queues, cases and verdicts"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.data_key.json

  lifecycle {
    prevent_destroy = true
  }
}

data "aws_iam_policy_document" "seal_key" {
  statement {
    sid       = "AccountDecidesByItsPolicies"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }

  statement {
    # And who marks generated media; whoever may use every key of the account may not say what was judged.
    sid       = "OnlyTheGateSigns"
    effect    = "Deny"
    actions   = ["kms:Sign"]
    resources = ["*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalArn"
      values   = [aws_iam_role.gate.arn, aws_iam_role.review.arn, var.seal_role_arn]
    }
  }
}

resource "aws_kms_key" "seal" {
  description              = "Signs verdicts, which the edge checks"
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  policy                   = data.aws_iam_policy_document.seal_key.json

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket" "access_logs" {
  bucket_prefix = "${var.name}-access-logs-"

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id

  rule {
    id     = "end"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }

    expiration {
      days = 400
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }
}

data "aws_iam_policy_document" "access_logs" {
  statement {
    sid       = "RefusePlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.access_logs.arn, "${aws_s3_bucket.access_logs.arn}/*"]

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
    sid       = "S3WritesLogs"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.access_logs.arn}/*"]

    principals {
      type        = "Service"
      identifiers = ["logging.s3.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_s3_bucket_policy" "access_logs" {
  bucket = aws_s3_bucket.access_logs.id
  policy = data.aws_iam_policy_document.access_logs.json
}

resource "aws_s3_bucket" "quarantine" {
  bucket_prefix       = "${var.name}-quarantine-"
  object_lock_enabled = true # without a default retention: so that a responder can put a hold on what is evidence

  tags = {
    data-class = "ugc"
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "quarantine" {
  bucket = aws_s3_bucket.quarantine.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "quarantine" {
  bucket = aws_s3_bucket.quarantine.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "quarantine" {
  bucket = aws_s3_bucket.quarantine.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "quarantine" {
  bucket = aws_s3_bucket.quarantine.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.data.arn
    }
  }
}

resource "aws_s3_bucket_logging" "quarantine" {
  bucket        = aws_s3_bucket.quarantine.id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "quarantine/"
  depends_on    = [aws_s3_bucket_policy.access_logs]
}

resource "aws_s3_bucket_notification" "quarantine" {
  bucket      = aws_s3_bucket.quarantine.id
  eventbridge = true
}

resource "aws_s3_bucket_metric" "quarantine" {
  bucket = aws_s3_bucket.quarantine.id
  name   = "all"
}

resource "aws_s3_bucket_lifecycle_configuration" "quarantine" {
  bucket = aws_s3_bucket.quarantine.id

  rule {
    id     = "end"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }

    expiration {
      days = 90
    }

    noncurrent_version_expiration {
      noncurrent_days = 90
    }
  }
}

data "aws_iam_policy_document" "quarantine" {
  statement {
    sid       = "RefusePlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.quarantine.arn, "${aws_s3_bucket.quarantine.arn}/*"]

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
    sid       = "OnlyTheGateReads"
    effect    = "Deny"
    actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectVersionForReplication"]
    resources = ["${aws_s3_bucket.quarantine.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalArn"
      values   = [aws_iam_role.gate.arn, aws_iam_role.review.arn, aws_iam_role.reviewer.arn, var.further_reviewer_role_arn, var.responder_role_arn]
    }
  }

  statement {
    # Which evidence is collected from; an upload with such a tag is refused.
    sid       = "OnlyTheGateTagsVerdicts"
    effect    = "Deny"
    actions   = ["s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"]
    resources = ["${aws_s3_bucket.quarantine.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "ForAnyValue:StringLike"
      variable = "s3:RequestObjectTagKeys"
      values   = ["averment-*"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalArn"
      values   = [aws_iam_role.gate.arn, aws_iam_role.review.arn]
    }
  }
}

resource "aws_s3_bucket_policy" "quarantine" {
  bucket = aws_s3_bucket.quarantine.id
  policy = data.aws_iam_policy_document.quarantine.json
}

resource "aws_s3_bucket" "published" {
  bucket_prefix = "${var.name}-published-"

  tags = {
    data-class = "published-media"
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "published" {
  bucket = aws_s3_bucket.published.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "published" {
  bucket = aws_s3_bucket.published.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "published" {
  bucket = aws_s3_bucket.published.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "published" {
  bucket = aws_s3_bucket.published.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_logging" "published" {
  bucket        = aws_s3_bucket.published.id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "published/"
  depends_on    = [aws_s3_bucket_policy.access_logs]
}

resource "aws_s3_bucket_lifecycle_configuration" "published" {
  bucket = aws_s3_bucket.published.id

  rule {
    id     = "end"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }

    noncurrent_version_expiration {
      noncurrent_days = 400
    }
  }
}

data "aws_iam_policy_document" "published" {
  statement {
    sid       = "RefusePlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.published.arn, "${aws_s3_bucket.published.arn}/*"]

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
    sid       = "OnlyTheGateWrites"
    effect    = "Deny"
    actions   = ["s3:PutObject", "s3:ReplicateObject", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"]
    resources = ["${aws_s3_bucket.published.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalArn"
      values   = [aws_iam_role.gate.arn, aws_iam_role.review.arn, var.seal_role_arn]
    }
  }

  statement {
    # Without its delete marker it would be served again.
    sid       = "WhatIsWithdrawnStaysSo"
    effect    = "Deny"
    actions   = ["s3:DeleteObjectVersion"]
    resources = ["${aws_s3_bucket.published.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalArn"
      values   = [var.responder_role_arn]
    }
  }

  dynamic "statement" {
    for_each = var.distribution_arn == "" ? [] : [var.distribution_arn]

    content {
      sid       = "CloudFrontReads"
      actions   = ["s3:GetObject"]
      resources = ["${aws_s3_bucket.published.arn}/*"]

      principals {
        type        = "Service"
        identifiers = ["cloudfront.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = [statement.value]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "published" {
  bucket = aws_s3_bucket.published.id
  policy = data.aws_iam_policy_document.published.json
}

resource "aws_s3_bucket" "work" {
  bucket_prefix = "${var.name}-scan-work-"

  tags = {
    data-class = "scan-work"
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "work" {
  bucket = aws_s3_bucket.work.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "work" {
  bucket = aws_s3_bucket.work.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "work" {
  bucket = aws_s3_bucket.work.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "work" {
  bucket = aws_s3_bucket.work.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.data.arn
    }
  }
}

resource "aws_s3_bucket_logging" "work" {
  bucket        = aws_s3_bucket.work.id
  target_bucket = aws_s3_bucket.access_logs.id
  target_prefix = "work/"
  depends_on    = [aws_s3_bucket_policy.access_logs]
}

resource "aws_s3_bucket_lifecycle_configuration" "work" {
  bucket = aws_s3_bucket.work.id

  rule {
    id     = "end"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }

    expiration {
      days = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }
}

data "aws_iam_policy_document" "work" {
  statement {
    sid       = "RefusePlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.work.arn, "${aws_s3_bucket.work.arn}/*"]

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
    # Copies of what is in quarantine, and what publishes them.
    sid       = "OnlyTheGateAsksAndTheEndpointAnswers"
    effect    = "Deny"
    actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectVersionForReplication", "s3:PutObject", "s3:ReplicateObject"]
    resources = ["${aws_s3_bucket.work.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "aws:PrincipalArn"
      values   = [aws_iam_role.gate.arn, var.endpoint_role_arn]
    }
  }
}

resource "aws_s3_bucket_policy" "work" {
  bucket = aws_s3_bucket.work.id
  policy = data.aws_iam_policy_document.work.json
}

resource "aws_dynamodb_table" "cases" {
  name                        = "${var.name}-cases"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  deletion_protection_enabled = true

  attribute {
    name = "id"
    type = "S"
  }

  attribute {
    name = "state"
    type = "S"
  }

  attribute {
    name = "opened_at"
    type = "S"
  }

  global_secondary_index {
    name            = "by-state"
    hash_key        = "state"
    range_key       = "opened_at"
    projection_type = "ALL"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.data.arn
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "verdicts" {
  name              = "/averment/verdicts"
  retention_in_days = var.retention_days
  kms_key_id        = aws_kms_key.data.arn
  skip_destroy      = true
}

resource "aws_cloudwatch_log_group" "functions" {
  for_each = toset(["scan", "finish", "sweep", "review"])

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.retention_days
  kms_key_id        = aws_kms_key.data.arn
}

resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  kms_master_key_id         = aws_kms_key.data.arn
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue" "scan" {
  name                       = "${var.name}-scan"
  kms_master_key_id          = aws_kms_key.data.arn
  visibility_timeout_seconds = 720
  message_retention_seconds  = 345600
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 5 })
}

resource "aws_sqs_queue" "answers" {
  name                       = "${var.name}-answers"
  kms_master_key_id          = aws_kms_key.data.arn
  visibility_timeout_seconds = 720
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 5 })
}

data "aws_iam_policy_document" "scan_queue" {
  statement {
    sid       = "Deliver"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.scan.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.uploads.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "scan_queue" {
  queue_url = aws_sqs_queue.scan.id
  policy    = data.aws_iam_policy_document.scan_queue.json
}

data "aws_iam_policy_document" "dead_queue" {
  statement {
    sid       = "Deliver"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.uploads.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "dead_queue" {
  queue_url = aws_sqs_queue.dead.id
  policy    = data.aws_iam_policy_document.dead_queue.json
}

data "aws_iam_policy_document" "answer_queue" {
  statement {
    sid       = "Deliver"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.answers.arn]

    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_sns_topic.answers.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "answer_queue" {
  queue_url = aws_sqs_queue.answers.id
  policy    = data.aws_iam_policy_document.answer_queue.json
}

resource "aws_cloudwatch_event_rule" "uploads" {
  name        = "${var.name}-uploads"
  description = "Every new object in quarantine is scanned"

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail      = { bucket = { name = [aws_s3_bucket.quarantine.id] } }
  })
}

resource "aws_cloudwatch_event_target" "uploads" {
  rule = aws_cloudwatch_event_rule.uploads.name
  arn  = aws_sqs_queue.scan.arn

  dead_letter_config {
    arn = aws_sqs_queue.dead.arn
  }
}

data "aws_iam_policy_document" "gate_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role" "gate" {
  name               = "${var.name}-gate"
  description        = "The functions of the media gate"
  assume_role_policy = data.aws_iam_policy_document.gate_trust.json
}

data "aws_iam_policy_document" "gate_gate" {
  statement {
    sid = "ReadAndTagQuarantine"
    actions = [
      "s3:GetObject",
      "s3:GetObjectVersion",
      "s3:GetObjectTagging",
      "s3:GetObjectVersionTagging",
      "s3:PutObjectTagging",
      "s3:PutObjectVersionTagging",
    ]
    resources = ["${aws_s3_bucket.quarantine.arn}/*"]
  }

  statement {
    sid       = "TellWhatIsGone"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.quarantine.arn, aws_s3_bucket.work.arn, aws_s3_bucket.published.arn]
  }

  statement {
    sid       = "PublishAndWithdraw"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.published.arn}/*"]
  }

  statement {
    sid       = "Ask"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.work.arn}/*"]
  }

  statement {
    sid       = "Queues"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.scan.arn, aws_sqs_queue.answers.arn]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead.arn]
  }

  statement {
    sid       = "Cases"
    actions   = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem"]
    resources = [aws_dynamodb_table.cases.arn]
  }

  statement {
    sid       = "CountWhatWaits"
    actions   = ["dynamodb:Query"]
    resources = ["${aws_dynamodb_table.cases.arn}/index/by-state"]
  }

  statement {
    sid       = "WriteVerdicts"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.verdicts.arn}:*"]
  }

  statement {
    sid       = "WriteTheFunctionsOwnLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for function in ["scan", "finish", "sweep"] : "${aws_cloudwatch_log_group.functions[function].arn}:*"]
  }

  statement {
    sid       = "Measure"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["Averment/Detector"]
    }
  }

  statement {
    sid       = "Data"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.data.arn]
  }

  statement {
    sid       = "Seal"
    actions   = ["kms:Sign", "kms:GetPublicKey"]
    resources = [aws_kms_key.seal.arn]
  }

  statement {
    sid       = "WhomToTrust"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.trust_anchors}", "arn:${data.aws_partition.current.partition}:s3:::${var.origin_keys}"]

    condition {
      test     = "StringEquals"
      variable = "s3:ResourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }

  statement {
    sid       = "ScoreLarge"
    actions   = ["sagemaker:InvokeEndpoint"]
    resources = ["arn:${data.aws_partition.current.partition}:sagemaker:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:endpoint/${var.detector_endpoint}"]
  }

  statement {
    sid       = "ScoreVideos"
    actions   = ["sagemaker:InvokeEndpointAsync"]
    resources = ["arn:${data.aws_partition.current.partition}:sagemaker:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:endpoint/${var.async_endpoint}"]
  }

  dynamic "statement" {
    for_each = var.distribution_arn == "" ? [] : [var.distribution_arn]

    content {
      sid       = "ForgetAtTheEdge"
      actions   = ["cloudfront:CreateInvalidation"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "gate_gate" {
  name   = "gate"
  role   = aws_iam_role.gate.id
  policy = data.aws_iam_policy_document.gate_gate.json
}

resource "aws_iam_role" "review" {
  name               = "${var.name}-review"
  description        = "The function that carries out what reviewers decide"
  assume_role_policy = data.aws_iam_policy_document.gate_trust.json
}

data "aws_iam_policy_document" "review" {
  statement {
    sid = "ReadAndTagQuarantine"
    actions = [
      "s3:GetObject",
      "s3:GetObjectVersion",
      "s3:GetObjectTagging",
      "s3:GetObjectVersionTagging",
      "s3:PutObjectTagging",
      "s3:PutObjectVersionTagging",
    ]
    resources = ["${aws_s3_bucket.quarantine.arn}/*"]
  }

  statement {
    sid       = "TellWhatIsGone"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.quarantine.arn, aws_s3_bucket.published.arn]
  }

  statement {
    sid       = "ReleaseAndWithdraw"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.published.arn}/*"]
  }

  statement {
    sid       = "Cases"
    actions   = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"]
    resources = [aws_dynamodb_table.cases.arn]
  }

  statement {
    sid       = "WriteVerdicts"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.verdicts.arn}:*"]
  }

  statement {
    sid       = "WriteTheFunctionsOwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.functions["review"].arn}:*"]
  }

  statement {
    sid       = "Data"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.data.arn]
  }

  statement {
    sid       = "Seal"
    actions   = ["kms:Sign", "kms:GetPublicKey"]
    resources = [aws_kms_key.seal.arn]
  }

  dynamic "statement" {
    for_each = var.distribution_arn == "" ? [] : [var.distribution_arn]

    content {
      sid       = "DropCachedCopies"
      actions   = ["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.key_value_store_arn == "none" ? [] : [var.key_value_store_arn]

    content {
      sid       = "RefuseAtTheEdge"
      actions   = ["cloudfront-keyvaluestore:DescribeKeyValueStore", "cloudfront-keyvaluestore:PutKey", "cloudfront-keyvaluestore:DeleteKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "review" {
  name   = "review"
  role   = aws_iam_role.review.id
  policy = data.aws_iam_policy_document.review.json
}

resource "aws_lambda_function" "review" {
  function_name                  = "${var.name}-review"
  description                    = "Carries out what reviewers decide, and files who they are"
  package_type                   = "Image"
  image_uri                      = var.image_uri
  role                           = aws_iam_role.review.arn
  memory_size                    = 512
  timeout                        = 300
  reserved_concurrent_executions = 5
  kms_key_arn                    = aws_kms_key.data.arn

  image_config {
    command = ["averment.detector.gate.review_function.review_handler"]
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.functions["review"].name
  }

  environment {
    variables = {
      AVERMENT_QUARANTINE_BUCKET = aws_s3_bucket.quarantine.id
      AVERMENT_PUBLISHED_BUCKET  = aws_s3_bucket.published.id
      AVERMENT_CASES             = aws_dynamodb_table.cases.name
      AVERMENT_SEAL_KEY          = "kms:${aws_kms_key.seal.arn}"
      AVERMENT_REVIEWERS         = "${aws_iam_role.reviewer.arn},${var.further_reviewer_role_arn}"
      AVERMENT_DISTRIBUTION      = var.distribution_arn == "" ? "" : split("/", var.distribution_arn)[1]
      AVERMENT_KEY_VALUE_STORE   = var.key_value_store_arn == "none" ? "" : var.key_value_store_arn
      AVERMENT_MEDIA_ADDRESS     = var.media_address == "none" ? "" : var.media_address
    }
  }

  depends_on = [aws_iam_role_policy.review]
}

resource "aws_ssm_parameter" "where_to_decide" {
  name        = "/averment/gates/${var.name}"
  description = "Which function decides, and where the cases are; averment review reads it"
  type        = "String"
  value       = jsonencode({ function = aws_lambda_function.review.arn, cases = aws_dynamodb_table.cases.name })
}

data "aws_iam_policy_document" "reviewer_trust" {
  statement {
    sid     = "UsersUnderTheirOwnNames" # decisions name the session, and an appeal goes to somebody else
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }

    condition {
      test     = "Bool"
      variable = "aws:MultiFactorAuthPresent"
      values   = ["true"]
    }

    condition {
      test     = "StringEquals"
      variable = "sts:RoleSessionName"
      values   = ["&{aws:username}"]
    }
  }
}

resource "aws_iam_role" "reviewer" {
  name                 = "${var.name}-reviewer"
  description          = "For people who decide held uploads (averment review, averment media takedown)"
  max_session_duration = 3600
  assume_role_policy   = data.aws_iam_policy_document.reviewer_trust.json
}

data "aws_iam_policy_document" "reviewer" {
  statement {
    sid       = "LookAtWhatIsHeld"
    actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
    resources = ["${aws_s3_bucket.quarantine.arn}/*"]
  }

  statement {
    sid       = "ReadTheQueue"
    actions   = ["dynamodb:GetItem", "dynamodb:Query"]
    resources = [aws_dynamodb_table.cases.arn, "${aws_dynamodb_table.cases.arn}/index/by-state"]
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.data.arn]
  }

  statement {
    sid       = "FindTheGate"
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.where_to_decide.arn]
  }

  statement {
    sid       = "Decide"
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.review.arn]
  }
}

resource "aws_iam_policy" "reviewer" {
  name        = "${var.name}-reviewer"
  description = "See what the media gate holds, and decide through its function"
  policy      = data.aws_iam_policy_document.reviewer.json
}

resource "aws_iam_role_policy_attachment" "reviewer" {
  role       = aws_iam_role.reviewer.name
  policy_arn = aws_iam_policy.reviewer.arn
}

data "aws_iam_policy_document" "responder" {
  statement {
    sid       = "ReadVersions"
    actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
    resources = ["${aws_s3_bucket.quarantine.arn}/*"]
  }

  statement {
    sid       = "HoldThem"
    actions   = ["s3:GetObjectLegalHold", "s3:PutObjectLegalHold"]
    resources = ["${aws_s3_bucket.quarantine.arn}/*"]
  }

  statement {
    sid       = "ListVersions"
    actions   = ["s3:ListBucket", "s3:ListBucketVersions"]
    resources = [aws_s3_bucket.quarantine.arn]
  }

  statement {
    sid       = "DecryptByWayOfS3"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.data.arn]

    condition {
      test     = "StringLike"
      variable = "kms:ViaService"
      values   = ["s3.${data.aws_region.current.name}.amazonaws.*"]
    }
  }
}

resource "aws_iam_policy" "responder" {
  name        = "${var.name}-responder"
  description = "Preserve what is in quarantine as evidence, and hold it there; change nothing else"
  policy      = data.aws_iam_policy_document.responder.json
}

locals {
  environment = {
    AVERMENT_QUARANTINE_BUCKET = aws_s3_bucket.quarantine.id
    AVERMENT_PUBLISHED_BUCKET  = aws_s3_bucket.published.id
    AVERMENT_LARGE_DETECTOR    = var.detector_endpoint == "none" ? "" : "sagemaker:${var.detector_endpoint}"
    AVERMENT_SMALL_BYTES       = tostring(var.small_bytes)
    AVERMENT_ASYNC_ENDPOINT    = var.async_endpoint == "none" ? "" : var.async_endpoint
    AVERMENT_WORK_BUCKET       = var.async_endpoint == "none" ? "" : aws_s3_bucket.work.id
    AVERMENT_TRUST             = var.trust_anchors == "none" ? "none" : "s3://${var.trust_anchors}"
    AVERMENT_ORIGIN_KEYS       = var.origin_keys == "none" ? "" : "s3://${var.origin_keys}"
    AVERMENT_DISCLOSED         = var.disclosed
    AVERMENT_UNJUDGED          = var.unjudged
    AVERMENT_REVIEW_HOURS      = tostring(var.review_hours)
    AVERMENT_DISTRIBUTION      = var.distribution_arn == "" ? "" : split("/", var.distribution_arn)[1]
    AVERMENT_CASES             = aws_dynamodb_table.cases.name
    AVERMENT_SEAL_KEY          = "kms:${aws_kms_key.seal.arn}"
  }
}

resource "aws_lambda_function" "scan" {
  function_name                  = "${var.name}-scan"
  description                    = "Scans an upload and publishes it if it may be seen"
  package_type                   = "Image"
  image_uri                      = var.image_uri
  role                           = aws_iam_role.gate.arn
  memory_size                    = 2048
  timeout                        = 120
  reserved_concurrent_executions = var.concurrency
  kms_key_arn                    = aws_kms_key.data.arn

  image_config {
    command = ["averment.detector.gate.ingest.scan_handler"]
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.functions["scan"].name
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead.arn
  }

  environment {
    variables = local.environment
  }

  depends_on = [aws_iam_role_policy.gate_gate]
}

resource "aws_lambda_function" "finish" {
  function_name                  = "${var.name}-finish"
  description                    = "Finishes what the asynchronous endpoint has answered"
  package_type                   = "Image"
  image_uri                      = var.image_uri
  role                           = aws_iam_role.gate.arn
  memory_size                    = 1024
  timeout                        = 120
  reserved_concurrent_executions = 5
  kms_key_arn                    = aws_kms_key.data.arn

  image_config {
    command = ["averment.detector.gate.deferred.result_handler"]
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.functions["finish"].name
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead.arn
  }

  environment {
    variables = local.environment
  }

  depends_on = [aws_iam_role_policy.gate_gate]
}

resource "aws_lambda_function" "sweep" {
  function_name                  = "${var.name}-sweep"
  description                    = "Counts what waits for a person, and asks again about what the asynchronous endpoint never answered"
  package_type                   = "Image"
  image_uri                      = var.image_uri
  role                           = aws_iam_role.gate.arn
  memory_size                    = 1024
  timeout                        = 300
  reserved_concurrent_executions = 1
  kms_key_arn                    = aws_kms_key.data.arn

  image_config {
    command = ["averment.detector.gate.deferred.sweep_handler"]
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.functions["sweep"].name
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead.arn
  }

  environment {
    variables = local.environment
  }

  depends_on = [aws_iam_role_policy.gate_gate]
}

resource "aws_lambda_event_source_mapping" "scan" {
  event_source_arn = aws_sqs_queue.scan.arn
  function_name    = aws_lambda_function.scan.arn
  batch_size       = 1

  scaling_config {
    # Or a flood is received five times without a free function, and dead unscanned.
    maximum_concurrency = var.concurrency
  }
}

resource "aws_lambda_event_source_mapping" "finish" {
  event_source_arn = aws_sqs_queue.answers.arn
  function_name    = aws_lambda_function.finish.arn
  batch_size       = 1

  scaling_config {
    maximum_concurrency = 5
  }
}

resource "aws_cloudwatch_event_rule" "sweep" {
  name                = "${var.name}-sweep"
  description         = "Looks for cases and questions that wait too long"
  schedule_expression = "rate(1 hour)"
}

resource "aws_cloudwatch_event_target" "sweep" {
  rule = aws_cloudwatch_event_rule.sweep.name
  arn  = aws_lambda_function.sweep.arn
}

resource "aws_lambda_permission" "sweep" {
  function_name = aws_lambda_function.sweep.function_name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.sweep.arn
}

resource "aws_sns_topic" "answers" {
  name              = "${var.name}-answers"
  kms_master_key_id = aws_kms_key.data.arn
}

resource "aws_sns_topic_subscription" "answers" {
  topic_arn = aws_sns_topic.answers.arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.answers.arn
}

resource "aws_sns_topic" "on_call" {
  name              = "${var.name}-on-call"
  kms_master_key_id = aws_kms_key.data.arn
}

resource "aws_sns_topic_subscription" "on_call" {
  topic_arn = aws_sns_topic.on_call.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${var.name}-dead-letters"
  alarm_description   = "An upload or an endpoint's answer could not be dealt with after five deliveries, or the hourly sweep failed. The upload is in quarantine, and stays there. The functions' logs say why. Once that is mended, move the letters back with aws sqs start-message-move-task --source-arn and this queue's ARN, and delete those of the sweep, which runs again by itself. What comes in meanwhile doesn't ring again."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]
  ok_actions          = [aws_sns_topic.on_call.arn]
}

resource "aws_cloudwatch_metric_alarm" "dead_letters_left" {
  alarm_name          = "${var.name}-dead-letters-left"
  alarm_description   = "Dead letters have lain for two days, and are deleted after 14. What they are about stays unscanned in quarantine; the runbook rescan-since finds it again."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.dead.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 172800
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]
}

resource "aws_cloudwatch_metric_alarm" "backlog" {
  alarm_name          = "${var.name}-backlog"
  alarm_description   = "Uploads wait for more than fifteen minutes to be scanned."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.scan.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 900
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]
}

resource "aws_cloudwatch_metric_alarm" "overdue" {
  alarm_name          = "${var.name}-overdue"
  alarm_description   = "Questions to the asynchronous endpoint have waited for more than two hours. They are asked again; after three times a person looks."
  namespace           = "Averment/Detector"
  metric_name         = "Overdue"
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]
  ok_actions          = [aws_sns_topic.on_call.arn]
}

resource "aws_cloudwatch_metric_alarm" "reviews_overdue" {
  alarm_name                = "${var.name}-reviews-overdue"
  alarm_description         = "Held uploads or appeals wait for a person for more than ${var.review_hours} hours, or a decision was not applied (averment review list). Without data, the hourly sweep doesn't run that counts them, and asks the asynchronous endpoint again."
  namespace                 = "Averment/Detector"
  metric_name               = "ReviewsOverdue"
  statistic                 = "Maximum"
  period                    = 3600
  evaluation_periods        = 1
  comparison_operator       = "GreaterThanThreshold"
  threshold                 = 0
  treat_missing_data        = "missing"
  alarm_actions             = [aws_sns_topic.on_call.arn]
  ok_actions                = [aws_sns_topic.on_call.arn]
  insufficient_data_actions = [aws_sns_topic.on_call.arn]
}

resource "aws_cloudwatch_metric_alarm" "withdrawn" {
  alarm_name          = "${var.name}-withdrawn"
  alarm_description   = "Published media was withdrawn, because a later scan flagged it or can't judge it. Each has a case (averment review list)."
  namespace           = "Averment/Detector"
  metric_name         = "Withdrawn"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]
}

resource "aws_cloudwatch_metric_alarm" "failures" {
  alarm_name          = "${var.name}-failures"
  alarm_description   = "Scans fail. What fails is delivered again, then kept as a dead letter; nothing is published."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.scan.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]
}

output "quarantine_bucket" {
  description = "Where uploads go"
  value       = aws_s3_bucket.quarantine.id
}

output "published_bucket" {
  description = "What may be served, and nothing else"
  value       = aws_s3_bucket.published.id
}

output "work_bucket_name" {
  description = "Where the asynchronous endpoint reads and writes"
  value       = aws_s3_bucket.work.id
}

output "cases_table" {
  description = "averment review list --table ..."
  value       = aws_dynamodb_table.cases.name
}

output "seal_key_arn" {
  description = "Whose public key the edge gets"
  value       = aws_kms_key.seal.arn
}

output "data_key_arn" {
  description = "Encrypts quarantine, cases and verdicts; other blueprints ask for it"
  value       = aws_kms_key.data.arn
}

output "answers_topic" {
  description = "Success and error topic of the asynchronous endpoint"
  value       = aws_sns_topic.answers.arn
}

output "reviewer_role_arn" {
  description = "The role of the people who decide"
  value       = aws_iam_role.reviewer.arn
}

output "reviewer_policy_arn" {
  description = "For another role of theirs (further_reviewer_role_arn)"
  value       = aws_iam_policy.reviewer.arn
}

output "responder_policy_arn" {
  description = "For the role that preserves evidence (responder_role_arn)"
  value       = aws_iam_policy.responder.arn
}

output "review_function" {
  description = "The function that carries out decisions: averment review decide --function ..."
  value       = aws_lambda_function.review.arn
}

output "scan_function" {
  description = "The scan function"
  value       = aws_lambda_function.scan.function_name
}

output "scan_queue_url" {
  description = "What the scan function is fed from; the runbook rescan-since asks for it (QueueUrl)"
  value       = aws_sqs_queue.scan.id
}

output "dead_letter_queue" {
  description = "What could not be scanned"
  value       = aws_sqs_queue.dead.name
}

output "on_call_topic" {
  description = "Who hears of it"
  value       = aws_sns_topic.on_call.arn
}
