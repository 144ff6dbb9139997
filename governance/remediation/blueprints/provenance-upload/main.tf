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
  description = "What every name begins with."
  type        = string
  default     = "media-upload"
}

variable "image_uri" {
  description = "The container image of the function, with averment[aws] in it."
  type        = string
}

variable "quarantine_bucket" {
  description = "The quarantine bucket (blueprint media-gate)."
  type        = string
}

variable "quarantine_key_arn" {
  description = "The key that the quarantine bucket is encrypted with."
  type        = string
}

variable "prefix" {
  description = "Under which prefix uploads land; each uploader gets a folder of their own."
  type        = string
  default     = "uploads/"
}

variable "issuer" {
  description = "Who signs the people's tokens (JWT), such as the address of a Cognito user pool."
  type        = string

  validation {
    condition     = startswith(var.issuer, "https://")
    error_message = "An address with https://."
  }
}

variable "audience" {
  description = "For whom the tokens are, such as the id of the app's client."
  type        = string
}

variable "requests_per_second" {
  description = "More permissions than this a second are refused."
  type        = number
  default     = 20
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_iam_policy_document" "logs_key" {
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

resource "aws_kms_key" "logs" {
  description         = "Logs and settings of the upload issuer"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.logs_key.json
}

resource "aws_cloudwatch_log_group" "issuer" {
  name              = "/averment/upload-issuer"
  retention_in_days = 365
  kms_key_id        = aws_kms_key.logs.arn
}

resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
}

data "aws_iam_policy_document" "issuer_trust" {
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

resource "aws_iam_role" "issuer" {
  name               = "${var.name}-issuer"
  description        = "Signs permissions to upload under one prefix"
  assume_role_policy = data.aws_iam_policy_document.issuer_trust.json
}

data "aws_iam_policy_document" "issuer_upload" {
  statement {
    sid       = "UploadUnderThePrefix"
    actions   = ["s3:PutObject", "s3:PutObjectTagging"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.quarantine_bucket}/${var.prefix}*"]
  }

  statement {
    sid       = "EncryptUploads"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = [var.quarantine_key_arn]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.issuer.arn}:*"]
  }
}

resource "aws_iam_role_policy" "issuer_upload" {
  name   = "upload"
  role   = aws_iam_role.issuer.id
  policy = data.aws_iam_policy_document.issuer_upload.json
}

resource "aws_lambda_function" "issue" {
  function_name                  = "${var.name}-issue"
  description                    = "Hands out permissions to upload one medium"
  package_type                   = "Image"
  image_uri                      = var.image_uri
  role                           = aws_iam_role.issuer.arn
  memory_size                    = 512
  timeout                        = 10
  reserved_concurrent_executions = 20
  kms_key_arn                    = aws_kms_key.logs.arn

  image_config {
    command = ["averment.detector.gate.issuing.upload_handler"]
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead.arn
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.issuer.name
  }

  environment {
    variables = {
      AVERMENT_UPLOAD_BUCKET = var.quarantine_bucket
      AVERMENT_UPLOAD_PREFIX = var.prefix
    }
  }

  depends_on = [aws_iam_role_policy.issuer_upload]
}

resource "aws_apigatewayv2_api" "uploads" {
  name          = "${var.name}-uploads"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_authorizer" "signed_in" {
  api_id           = aws_apigatewayv2_api.uploads.id
  name             = "signed-in"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.issuer
    audience = [var.audience]
  }
}

resource "aws_apigatewayv2_integration" "issue" {
  api_id                 = aws_apigatewayv2_api.uploads.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.issue.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "uploads" {
  api_id             = aws_apigatewayv2_api.uploads.id
  route_key          = "POST /uploads"
  authorization_type = "JWT"
  authorizer_id      = aws_apigatewayv2_authorizer.signed_in.id
  target             = "integrations/${aws_apigatewayv2_integration.issue.id}"
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.uploads.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.requests_per_second
    throttling_burst_limit = var.requests_per_second
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.issuer.arn
    format          = jsonencode({ request = "$context.requestId", at = "$context.requestTime", status = "$context.status", route = "$context.routeKey", error = "$context.authorizer.error" })
  }
}

resource "aws_lambda_permission" "api" {
  function_name = aws_lambda_function.issue.function_name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.uploads.execution_arn}/*/*"
}

output "endpoint" {
  description = "Where signed-in people ask for a permission to upload"
  value       = "${aws_apigatewayv2_api.uploads.api_endpoint}/uploads"
}

output "issuer_role_arn" {
  description = "The role in whose name uploads arrive"
  value       = aws_iam_role.issuer.arn
}
