terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

variable "image_uri" {
  description = "The detector's container, which answers GET /ping and POST /invocations on port 8080."
  type        = string
}

variable "endpoint_name" {
  description = "The name of the real-time endpoint; the asynchronous one is called the same with -async."
  type        = string
  default     = "media-detector"

  validation {
    condition     = can(regex("^[a-z0-9](-*[a-z0-9]){0,56}$", var.endpoint_name))
    error_message = "At most 57 lower-case letters, digits and hyphens: SageMaker's ARNs have no others, and IAM goes by those."
  }
}

variable "subnets" {
  description = "Private subnets, at least two."
  type        = list(string)
}

variable "security_groups" {
  description = "Security groups that let nothing in and only S3 out."
  type        = list(string)
}

variable "work_bucket" {
  description = "The media gate's work bucket, where the asynchronous endpoint reads and writes."
  type        = string
}

variable "work_key_arn" {
  description = "The key that the work bucket is encrypted with."
  type        = string
}

variable "answers_topic" {
  description = "The media gate's topic for answers."
  type        = string
}

variable "capture_bucket" {
  description = "A bucket for captured requests and answers, which hold people's pictures. Keep them short."
  type        = string
}

variable "capture_percent" {
  description = "Which share of requests is captured, for drift."
  type        = number
  default     = 5

  validation {
    condition     = var.capture_percent >= 1 && var.capture_percent <= 100
    error_message = "Between 1 and 100."
  }
}

variable "instance_type" {
  description = "What both endpoints run on."
  type        = string
  default     = "ml.c5.large"
}

variable "most_instances" {
  description = "The most instances of the real-time endpoint, which bounds what it costs."
  type        = number
  default     = 4

  validation {
    condition     = var.most_instances >= 2
    error_message = "Two at least."
  }
}

variable "monthly_budget" {
  description = "What inference may cost in a month, in USD."
  type        = number
  default     = 500
}

variable "alarm_email" {
  description = "Who hears of what the detector costs."
  type        = string

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.alarm_email))
    error_message = "A mail address."
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_iam_policy_document" "detector_key" {
  statement {
    sid       = "AccountDecidesByItsPolicies"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}

resource "aws_kms_key" "detector" {
  description         = "Volumes and captured data of the detector"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.detector_key.json
}

data "aws_iam_policy_document" "model_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["sagemaker.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role" "model" {
  name               = "${var.endpoint_name}-model"
  description        = "The detector's container"
  assume_role_policy = data.aws_iam_policy_document.model_trust.json
}

data "aws_iam_policy_document" "model_serve" {
  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
    resources = ["arn:${data.aws_partition.current.partition}:ecr:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:repository/*"]
  }

  statement {
    sid       = "Token"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "ReadQuestions"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.work_bucket}/inputs/*"]
  }

  statement {
    sid       = "WriteAnswers"
    actions   = ["s3:PutObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.work_bucket}/outputs/*"]
  }

  statement {
    sid       = "Capture"
    actions   = ["s3:PutObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.capture_bucket}/*"]
  }

  statement {
    sid       = "Tell"
    actions   = ["sns:Publish"]
    resources = [var.answers_topic]
  }

  statement {
    sid       = "Keys"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.detector.arn, var.work_key_arn]
  }

  statement {
    sid       = "Measure"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["/aws/sagemaker/Endpoints"]
    }
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:log-group:/aws/sagemaker/Endpoints/*"]
  }

  statement {
    sid = "Network"
    actions = [
      "ec2:CreateNetworkInterface",
      "ec2:CreateNetworkInterfacePermission", # SageMaker's account attaches them
      "ec2:DeleteNetworkInterface",
      "ec2:DeleteNetworkInterfacePermission",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSubnets",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeVpcs",
      "ec2:DescribeVpcEndpoints",
      "ec2:DescribeDhcpOptions",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "model_serve" {
  name   = "serve"
  role   = aws_iam_role.model.id
  policy = data.aws_iam_policy_document.model_serve.json
}

resource "aws_sagemaker_model" "detector" {
  # Without a name of our own: another image is then a model of another name, and comes to the endpoints.
  execution_role_arn       = aws_iam_role.model.arn
  enable_network_isolation = true

  primary_container {
    image = var.image_uri
  }

  vpc_config {
    subnets            = var.subnets
    security_group_ids = var.security_groups
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_iam_role_policy.model_serve]
}

resource "aws_sagemaker_endpoint_configuration" "detector" {
  name_prefix = "${var.endpoint_name}-"
  kms_key_arn = aws_kms_key.detector.arn

  production_variants {
    variant_name           = "AllTraffic"
    model_name             = aws_sagemaker_model.detector.name
    instance_type          = var.instance_type
    initial_instance_count = 2
  }

  data_capture_config {
    enable_capture              = true
    initial_sampling_percentage = var.capture_percent
    destination_s3_uri          = "s3://${var.capture_bucket}/detector"
    kms_key_id                  = aws_kms_key.detector.arn

    capture_options {
      capture_mode = "Input"
    }

    capture_options {
      capture_mode = "Output"
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_sagemaker_endpoint_configuration" "detector_async" {
  name_prefix = "${var.endpoint_name}-"
  kms_key_arn = aws_kms_key.detector.arn

  production_variants {
    variant_name           = "AllTraffic"
    model_name             = aws_sagemaker_model.detector.name
    instance_type          = var.instance_type
    initial_instance_count = 1
  }

  data_capture_config {
    enable_capture              = true
    initial_sampling_percentage = var.capture_percent
    destination_s3_uri          = "s3://${var.capture_bucket}/detector-async"
    kms_key_id                  = aws_kms_key.detector.arn

    capture_options {
      capture_mode = "Output"
    }
  }

  async_inference_config {
    client_config {
      max_concurrent_invocations_per_instance = 2
    }

    output_config {
      s3_output_path = "s3://${var.work_bucket}/outputs"
      kms_key_id     = var.work_key_arn

      notification_config {
        success_topic = var.answers_topic
        error_topic   = var.answers_topic
      }
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_sagemaker_endpoint" "detector" {
  name                 = var.endpoint_name
  endpoint_config_name = aws_sagemaker_endpoint_configuration.detector.name
}

resource "aws_appautoscaling_target" "detector" {
  service_namespace  = "sagemaker"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  resource_id        = "endpoint/${aws_sagemaker_endpoint.detector.name}/variant/AllTraffic"
  min_capacity       = 2
  max_capacity       = var.most_instances
}

resource "aws_appautoscaling_policy" "detector" {
  name               = "load"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.detector.service_namespace
  scalable_dimension = aws_appautoscaling_target.detector.scalable_dimension
  resource_id        = aws_appautoscaling_target.detector.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 300
    scale_in_cooldown  = 600
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "SageMakerVariantInvocationsPerInstance"
    }
  }
}

resource "aws_sagemaker_endpoint" "detector_async" {
  name                 = "${var.endpoint_name}-async"
  endpoint_config_name = aws_sagemaker_endpoint_configuration.detector_async.name
}

resource "aws_appautoscaling_target" "detector_async" {
  service_namespace  = "sagemaker"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  resource_id        = "endpoint/${aws_sagemaker_endpoint.detector_async.name}/variant/AllTraffic"
  min_capacity       = 1
  max_capacity       = 2
}

resource "aws_appautoscaling_policy" "detector_async" {
  name               = "load"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.detector_async.service_namespace
  scalable_dimension = aws_appautoscaling_target.detector_async.scalable_dimension
  resource_id        = aws_appautoscaling_target.detector_async.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 5
    scale_in_cooldown  = 600
    scale_out_cooldown = 120

    customized_metric_specification {
      namespace   = "AWS/SageMaker"
      metric_name = "ApproximateBacklogSizePerInstance"
      statistic   = "Average"

      dimensions {
        name  = "EndpointName"
        value = "${var.endpoint_name}-async"
      }
    }
  }
}

resource "aws_budgets_budget" "inference" {
  name         = "${var.endpoint_name}-inference"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.monthly_budget)
  limit_unit   = "USD"

  cost_filter {
    name   = "Service"
    values = ["Amazon SageMaker"]
  }

  notification {
    notification_type          = "ACTUAL"
    comparison_operator        = "GREATER_THAN"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    subscriber_email_addresses = [var.alarm_email]
  }
}

output "detector_endpoint" {
  description = "For the media gate's parameter of that name"
  value       = aws_sagemaker_endpoint.detector.name
}

output "async_endpoint_name" {
  description = "For the media gate's parameter async_endpoint"
  value       = aws_sagemaker_endpoint.detector_async.name
}

output "model_role_arn" {
  description = "For the media gate's parameter endpoint_role_arn, without which the asynchronous endpoint can read nothing"
  value       = aws_iam_role.model.arn
}
