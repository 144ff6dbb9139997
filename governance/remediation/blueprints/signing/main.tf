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
  default     = "media-signing"
}

variable "image_uri" {
  description = "The container image of the function, with averment[credentials,aws] and the certificate chain in it."
  type        = string
}

variable "generated_bucket" {
  description = "The bucket that generators write to. It has to send its events to EventBridge."
  type        = string
}

variable "published_bucket" {
  description = "The published bucket (blueprint media-gate), whose policy has to name this role as seal_role_arn."
  type        = string
}

variable "certificate_path" {
  description = "Where the signing key's certificate chain is in the image."
  type        = string
  default     = "/var/task/chain.pem"
}

variable "timestamp_authority" {
  description = "An RFC 3161 time-stamping authority; without one a credential is worth nothing once the certificate expires."
  type        = string
  default     = "http://timestamp.digicert.com"
}

variable "verdict_seal_key_arn" {
  description = "The media gate's key for verdicts (its output seal_key_arn), so that the edge serves what was marked."
  type        = string
}

variable "cases_table" {
  description = "The media gate's table of cases (its output cases_table), so that what was taken down isn't published again."
  type        = string
}

variable "cases_key_arn" {
  description = "The key that the table of cases is encrypted with (the media gate's output data_key_arn)."
  type        = string
}

variable "on_call_topic_arn" {
  description = "The topic that hears of what can't be marked (the media gate's output on_call_topic). With none, the alarm is there and tells nobody."
  type        = string
  default     = "none"
}

variable "requester_role_arn" {
  description = "A role that may sign with the key, too, to request its certificate, for which the request has to be signed. Give none again when the certificate is there."
  type        = string
  default     = "none"

  validation {
    condition     = can(regex("^(none|arn:aws[a-z-]*:iam::[0-9]{12}:role/.+)$", var.requester_role_arn))
    error_message = "The ARN of a role, or none."
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_iam_policy_document" "signing_key" {
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
    sid       = "OnlyTheSignerSigns"
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
      values   = [aws_iam_role.signer.arn, var.requester_role_arn]
    }
  }
}

resource "aws_kms_key" "signing" {
  description              = "Signs content credentials"
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  policy                   = data.aws_iam_policy_document.signing_key.json
}

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
    sid       = "Deliver"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
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
  description         = "Queues and the log of provenance"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.data_key.json
}

resource "aws_cloudwatch_log_group" "provenance" {
  name              = "/averment/provenance"
  retention_in_days = 731
  kms_key_id        = aws_kms_key.data.arn
  skip_destroy      = true
}

resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  kms_master_key_id         = aws_kms_key.data.arn
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue" "generated" {
  name                       = "${var.name}-generated"
  kms_master_key_id          = aws_kms_key.data.arn
  visibility_timeout_seconds = 720
  message_retention_seconds  = 345600
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 5 })
}

data "aws_iam_policy_document" "generated_queue" {
  statement {
    sid       = "Deliver"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.generated.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.generated.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "generated" {
  queue_url = aws_sqs_queue.generated.id
  policy    = data.aws_iam_policy_document.generated_queue.json
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
      values   = [aws_cloudwatch_event_rule.generated.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id
  policy    = data.aws_iam_policy_document.dead_queue.json
}

resource "aws_cloudwatch_event_rule" "generated" {
  name        = "${var.name}-generated"
  description = "Everything generated is marked"

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail      = { bucket = { name = [var.generated_bucket] } }
  })
}

resource "aws_cloudwatch_event_target" "generated" {
  rule = aws_cloudwatch_event_rule.generated.name
  arn  = aws_sqs_queue.generated.arn

  dead_letter_config {
    arn = aws_sqs_queue.dead.arn
  }
}

data "aws_iam_policy_document" "signer_trust" {
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

resource "aws_iam_role" "signer" {
  name               = "${var.name}-signer"
  description        = "The function that marks generated media"
  assume_role_policy = data.aws_iam_policy_document.signer_trust.json
}

data "aws_iam_policy_document" "signer_sign" {
  statement {
    sid       = "ReadGenerated"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.generated_bucket}/*"]
  }

  statement {
    sid       = "TellWhatIsGone"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.generated_bucket}"]
  }

  statement {
    sid       = "SeeWhatIsForbidden"
    actions   = ["dynamodb:BatchGetItem"]
    resources = ["arn:${data.aws_partition.current.partition}:dynamodb:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:table/${var.cases_table}"]
  }

  statement {
    sid       = "Publish"
    actions   = ["s3:PutObject", "s3:PutObjectTagging", "s3:GetObject", "s3:DeleteObject"] # reading is for deleting on a condition
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.published_bucket}/*"]
  }

  statement {
    sid       = "Sign"
    actions   = ["kms:Sign", "kms:GetPublicKey"]
    resources = [aws_kms_key.signing.arn, var.verdict_seal_key_arn]
  }

  statement {
    sid       = "Data"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.data.arn]
  }

  statement {
    sid       = "ReadCases"
    actions   = ["kms:Decrypt"]
    resources = [var.cases_key_arn]
  }

  statement {
    sid       = "Queue"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.generated.arn]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.seal.arn}:*"]
  }

  statement {
    sid       = "LogProvenance"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.provenance.arn}:*"]
  }
}

resource "aws_iam_role_policy" "signer_sign" {
  name   = "sign"
  role   = aws_iam_role.signer.id
  policy = data.aws_iam_policy_document.signer_sign.json
}

resource "aws_cloudwatch_log_group" "seal" {
  name              = "/aws/lambda/${var.name}-seal"
  retention_in_days = 400
  kms_key_id        = aws_kms_key.data.arn
}

resource "aws_lambda_function" "seal" {
  function_name                  = "${var.name}-seal"
  description                    = "Marks generated media and publishes it"
  package_type                   = "Image"
  image_uri                      = var.image_uri
  role                           = aws_iam_role.signer.arn
  memory_size                    = 2048
  timeout                        = 120
  reserved_concurrent_executions = 5
  kms_key_arn                    = aws_kms_key.data.arn

  image_config {
    command = ["averment.detector.gate.sealing.seal_handler"]
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.seal.name
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead.arn
  }

  environment {
    variables = {
      AVERMENT_GENERATED_BUCKET = var.generated_bucket
      AVERMENT_PUBLISHED_BUCKET = var.published_bucket
      AVERMENT_SIGNING_KEY      = "kms:${aws_kms_key.signing.arn}"
      AVERMENT_CERTIFICATE      = var.certificate_path
      AVERMENT_TSA              = var.timestamp_authority
      AVERMENT_SEAL_KEY         = "kms:${var.verdict_seal_key_arn}"
      AVERMENT_CASES            = var.cases_table
    }
  }

  depends_on = [aws_iam_role_policy.signer_sign]
}

resource "aws_lambda_event_source_mapping" "seal" {
  event_source_arn = aws_sqs_queue.generated.arn
  function_name    = aws_lambda_function.seal.arn
  batch_size       = 1

  scaling_config {
    # Or a flood is received five times without a free function, and dead unmarked.
    maximum_concurrency = 5
  }
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${var.name}-dead-letters"
  alarm_description   = "A generated medium could not be marked after five deliveries. It is not published. The function's log says why. Once that is mended, move the letters back with aws sqs start-message-move-task --source-arn and this queue's ARN. What comes in meanwhile doesn't ring again."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.on_call_topic_arn == "none" ? [] : [var.on_call_topic_arn]
  ok_actions          = var.on_call_topic_arn == "none" ? [] : [var.on_call_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "dead_letters_left" {
  alarm_name          = "${var.name}-dead-letters-left"
  alarm_description   = "Dead letters have lain for two days, and are deleted after 14. What they are about stays unmarked and unpublished."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.dead.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 172800
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.on_call_topic_arn == "none" ? [] : [var.on_call_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "backlog" {
  alarm_name          = "${var.name}-backlog"
  alarm_description   = "Generated media wait for more than fifteen minutes to be marked. They are not published meanwhile, and deleted from the queue after four days."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.generated.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 900
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.on_call_topic_arn == "none" ? [] : [var.on_call_topic_arn]
}

output "signing_key_arn" {
  description = "The key to request a certificate for, as the role under requester_role_arn"
  value       = aws_kms_key.signing.arn
}

output "signer_role_arn" {
  description = "For the media gate's parameter seal_role_arn"
  value       = aws_iam_role.signer.arn
}

output "dead_letter_queue" {
  description = "What could not be marked"
  value       = aws_sqs_queue.dead.name
}
