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
  default     = "media-monitoring"
}

variable "alarm_email" {
  description = "Who hears of it."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.alarm_email))
    error_message = "A mail address."
  }
}

variable "detector_name" {
  description = "The detector's name, as its metrics carry it."
  type        = string
  default     = "averment-reference"
}

variable "detector_endpoint" {
  description = "The SageMaker endpoint whose invocations are watched."
  type        = string
  default     = "media-detector"
}

variable "quiet_from" {
  description = "The hour (UTC) from which few people upload. It may be later than quiet_until, over midnight."
  type        = number
  default     = 0

  validation {
    condition     = var.quiet_from >= 0 && var.quiet_from <= 23
    error_message = "An hour from 0 to 23."
  }
}

variable "quiet_until" {
  description = "The hour (UTC) until which few people upload."
  type        = number
  default     = 6

  validation {
    condition     = var.quiet_until >= 1 && var.quiet_until <= 24
    error_message = "An hour from 1 to 24."
  }
}

variable "quiet_videos" {
  description = "More videos than this in five minutes of the quiet hours are unusual. Take three times your busiest ordinary quiet five minutes."
  type        = number
  default     = 30
}

variable "videos" {
  description = "More videos than this in five minutes are unusual at any hour. Take twice your sale day's peak."
  type        = number
  default     = 400
}

variable "flagged_percent" {
  description = "More than this share of what is scanned being flagged is unusual."
  type        = number
  default     = 20
}

variable "invocations" {
  description = "More requests to the detector than this in an hour are unusual."
  type        = number
  default     = 50000
}

variable "monthly_budget" {
  description = "What inference may cost in a month, in USD."
  type        = number
  default     = 500
}

variable "cost_monitor_arn" {
  description = "The account's cost anomaly monitor over services, as aws ce get-anomaly-monitors tells it; there is one at most, and many accounts come with it. With none, the budget alone watches what inference costs."
  type        = string
  default     = "none"

  validation {
    condition     = can(regex("^(none|arn:aws[a-z-]*:ce::[0-9]{12}:anomalymonitor/.+)$", var.cost_monitor_arn))
    error_message = "The ARN of a cost anomaly monitor, or none."
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_iam_policy_document" "on_call_key" {
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
    sid       = "ServicesThatPublish"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_kms_key" "on_call" {
  description         = "The on-call topic"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.on_call_key.json
}

resource "aws_sns_topic" "on_call" {
  name              = "${var.name}-on-call"
  kms_master_key_id = aws_kms_key.on_call.arn
}

resource "aws_sns_topic_subscription" "on_call" {
  topic_arn = aws_sns_topic.on_call.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

data "aws_iam_policy_document" "on_call_topic" {
  statement {
    sid       = "ServicesThatPublish"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.on_call.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "on_call" {
  arn    = aws_sns_topic.on_call.arn
  policy = data.aws_iam_policy_document.on_call_topic.json
}

resource "aws_cloudwatch_metric_alarm" "videos_in_quiet_hours" {
  alarm_name          = "${var.name}-videos-in-quiet-hours"
  alarm_description   = "Many videos are uploaded while few people are awake. Look at who uploads, and at what the gate says of them."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.quiet_videos
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]
  ok_actions          = [aws_sns_topic.on_call.arn]

  metric_query {
    id          = "videos"
    return_data = false

    metric {
      namespace   = "Averment/Detector"
      metric_name = "Uploads"
      dimensions  = { Kind = "video" }
      period      = 300
      stat        = "Sum"
    }
  }

  metric_query {
    id    = "quiet"
    label = "Videos in quiet hours"
    # both hold, or one of them where the quiet hours go over midnight
    expression  = "IF((HOUR(videos) >= ${var.quiet_from}) + (HOUR(videos) < ${var.quiet_until}) + (${var.quiet_from} > ${var.quiet_until}) >= 2, videos, 0)"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "flood_of_videos" {
  alarm_name          = "${var.name}-flood-of-videos"
  alarm_description   = "More videos are uploaded than on a sale day."
  namespace           = "Averment/Detector"
  metric_name         = "Uploads"
  dimensions          = { Kind = "video" }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.videos
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]
}

resource "aws_cloudwatch_metric_alarm" "unusual_uploads" {
  alarm_name          = "${var.name}-unusual-uploads"
  alarm_description   = "Picture uploads leave the band that CloudWatch has learnt for this hour of this day of the week."
  comparison_operator = "GreaterThanUpperThreshold"
  threshold_metric_id = "band"
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]

  metric_query {
    id          = "images"
    return_data = true

    metric {
      namespace   = "Averment/Detector"
      metric_name = "Uploads"
      dimensions  = { Kind = "image" }
      period      = 300
      stat        = "Sum"
    }
  }

  metric_query {
    id          = "band"
    label       = "Expected"
    expression  = "ANOMALY_DETECTION_BAND(images, 4)"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "scan_stopped" {
  alarm_name          = "${var.name}-scan-stopped"
  alarm_description   = "Pictures come in that the function scores itself, and none has a verdict. Nothing of them is published meanwhile."
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]

  metric_query {
    id          = "uploads"
    return_data = false

    metric {
      namespace   = "Averment/Detector"
      metric_name = "Uploads"
      dimensions  = { Route = "own" }
      period      = 300
      stat        = "Sum"
    }
  }

  metric_query {
    id          = "scanned"
    return_data = false

    metric {
      namespace   = "Averment/Detector"
      metric_name = "Scanned"
      dimensions  = { Route = "own" }
      period      = 300
      stat        = "Sum"
    }
  }

  metric_query {
    id          = "stopped"
    label       = "Uploads and no answer"
    expression  = "IF(FILL(uploads, 0) >= 5 && FILL(scanned, 0) < 1, 1, 0)"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "endpoint_scan_stopped" {
  alarm_name          = "${var.name}-endpoint-scan-stopped"
  alarm_description   = "Large pictures come in, and the real-time endpoint has scored none. Nothing of them is published meanwhile."
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]

  metric_query {
    id          = "uploads"
    return_data = false

    metric {
      namespace   = "Averment/Detector"
      metric_name = "Uploads"
      dimensions  = { Route = "endpoint" }
      period      = 900
      stat        = "Sum"
    }
  }

  metric_query {
    id          = "scanned"
    return_data = false

    metric {
      namespace   = "Averment/Detector"
      metric_name = "Scanned"
      dimensions  = { Route = "endpoint" }
      period      = 900
      stat        = "Sum"
    }
  }

  metric_query {
    id          = "stopped"
    label       = "Uploads and no answer"
    expression  = "IF(FILL(uploads, 0) >= 5 && FILL(scanned, 0) < 1, 1, 0)"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "asynchronous_scan_stopped" {
  alarm_name          = "${var.name}-asynchronous-scan-stopped"
  alarm_description   = "Videos come in, and the asynchronous endpoint has scored none for two hours. Nothing of them is published meanwhile."
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]

  metric_query {
    id          = "uploads"
    return_data = false

    metric {
      namespace   = "Averment/Detector"
      metric_name = "Uploads"
      dimensions  = { Route = "asynchronous" }
      period      = 3600
      stat        = "Sum"
    }
  }

  metric_query {
    id          = "scanned"
    return_data = false

    metric {
      namespace   = "Averment/Detector"
      metric_name = "Scanned"
      dimensions  = { Route = "asynchronous" }
      period      = 3600
      stat        = "Sum"
    }
  }

  metric_query {
    id          = "stopped"
    label       = "Uploads and no answer"
    expression  = "IF(FILL(uploads, 0) >= 5 && FILL(scanned, 0) < 1, 1, 0)"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "many_flagged" {
  alarm_name          = "${var.name}-many-flagged"
  alarm_description   = "A large share of what comes in is flagged, among enough of it to tell."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.flagged_percent
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]

  metric_query {
    id          = "scanned"
    return_data = false

    metric {
      namespace   = "Averment/Detector"
      metric_name = "Scanned"
      dimensions  = { Detector = var.detector_name }
      period      = 900
      stat        = "Sum"
    }
  }

  metric_query {
    id          = "flagged"
    return_data = false

    metric {
      namespace   = "Averment/Detector"
      metric_name = "Flagged"
      dimensions  = { Detector = var.detector_name }
      period      = 900
      stat        = "Sum"
    }
  }

  metric_query {
    id          = "share"
    label       = "Flagged, percent"
    expression  = "IF(scanned >= 20, 100 * flagged / scanned, 0)"
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "many_requests" {
  alarm_name          = "${var.name}-many-requests"
  alarm_description   = "The detector is asked more often than it should be. Somebody probes it, or floods the uploads."
  namespace           = "AWS/SageMaker"
  metric_name         = "Invocations"
  dimensions          = { EndpointName = var.detector_endpoint, VariantName = "AllTraffic" }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.invocations
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.on_call.arn]
}

resource "aws_budgets_budget" "inference" {
  name         = "${var.name}-inference"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.monthly_budget)
  limit_unit   = "USD"

  cost_filter {
    name   = "Service"
    values = ["Amazon SageMaker", "Amazon Rekognition", "Amazon Bedrock"]
  }

  notification {
    notification_type          = "ACTUAL"
    comparison_operator        = "GREATER_THAN"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = [var.alarm_email]
  }

  notification {
    notification_type          = "FORECASTED"
    comparison_operator        = "GREATER_THAN"
    threshold                  = 100
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = [var.alarm_email]
  }
}

resource "aws_ce_anomaly_subscription" "inference" {
  count            = var.cost_monitor_arn == "none" ? 0 : 1
  name             = "${var.name}-inference"
  frequency        = "DAILY"
  monitor_arn_list = [var.cost_monitor_arn]

  subscriber {
    type    = "EMAIL"
    address = var.alarm_email
  }

  threshold_expression {
    dimension {
      key           = "ANOMALY_TOTAL_IMPACT_ABSOLUTE"
      match_options = ["GREATER_THAN_OR_EQUAL"]
      values        = ["20"]
    }
  }
}

output "on_call_topic" {
  description = "Who hears of it; add subscribers here"
  value       = aws_sns_topic.on_call.arn
}
