terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

variable "pack_template" {
  description = "The conformance pack's template in S3, as averment rules build writes it (s3://...)."
  type        = string

  validation {
    condition     = startswith(var.pack_template, "s3://")
    error_message = "A place in S3."
  }
}

variable "pack_name" {
  description = "The name of the conformance pack."
  type        = string
  default     = "averment"
}

variable "delivery_bucket" {
  description = "The bucket that AWS Config delivers to; its policy has to let config.amazonaws.com write."
  type        = string
}

variable "recorder" {
  description = "Whether to make the recorder. A region has one; say no where it is there already."
  type        = string
  default     = "yes"

  validation {
    condition     = contains(["yes", "no"], var.recorder)
    error_message = "yes or no."
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

resource "aws_config_configuration_recorder" "default" {
  count    = var.recorder == "yes" ? 1 : 0
  name     = "default"
  role_arn = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"

  recording_group {
    all_supported                 = true
    include_global_resource_types = true
  }
}

resource "aws_config_delivery_channel" "default" {
  count          = var.recorder == "yes" ? 1 : 0
  name           = "default"
  s3_bucket_name = var.delivery_bucket

  snapshot_delivery_properties {
    delivery_frequency = "TwentyFour_Hours"
  }

  depends_on = [aws_config_configuration_recorder.default]
}

resource "aws_config_configuration_recorder_status" "default" {
  count      = var.recorder == "yes" ? 1 : 0
  name       = aws_config_configuration_recorder.default[0].name
  is_enabled = true
  depends_on = [aws_config_delivery_channel.default]
}

resource "aws_config_conformance_pack" "averment" {
  name            = var.pack_name
  template_s3_uri = var.pack_template
  depends_on      = [aws_config_configuration_recorder_status.default]
}

output "conformance_pack" {
  description = "The pack whose compliance averment collect reads"
  value       = aws_config_conformance_pack.averment.name
}
