# What the arguments of terraform-aws-modules/lambda/aws mean for the rules (as of 8.8; the same since 4.0).
# Not the module: only what a rule looks at, written anew from its documented inputs and outputs.

variable "create" {
  default = true
}
variable "create_function" {
  default = true
}
variable "create_layer" {
  default = false
}
variable "create_role" {
  default = true
}
variable "create_lambda_function_url" {
  default = false
}
variable "authorization_type" {
  default = "NONE"
}
variable "function_name" {
  default = ""
}
variable "description" {
  default = ""
}
variable "handler" {
  default = ""
}
variable "runtime" {
  default = ""
}
variable "lambda_role" {
  default = ""
}
variable "environment_variables" {
  default = {}
}
variable "dead_letter_target_arn" {
  default = null
}
variable "tags" {
  default = {}
}
variable "role_name" {
  default = null
}
variable "trusted_entities" {
  default = []
}
variable "attach_policy_json" {
  default = false
}
variable "policy_json" {
  default = null
}
variable "attach_policy_jsons" {
  default = false
}
variable "policy_jsons" {
  default = []
}
variable "attach_policy" {
  default = false
}
variable "policy" {
  default = null
}
variable "attach_policies" {
  default = false
}
variable "policies" {
  default = []
}
variable "attach_policy_statements" {
  default = false
}
variable "policy_statements" {
  default = {}
}
variable "event_source_mapping" {
  default = {}
}

variable "region" {
  default = null
}

locals {
  exists    = var.create && var.create_function && !var.create_layer
  with_role = local.exists && var.create_role
}

resource "aws_lambda_function" "this" {
  count = local.exists ? 1 : 0

  region        = var.region
  function_name = var.function_name
  description   = var.description
  handler       = var.handler
  runtime       = var.runtime
  role          = var.create_role ? aws_iam_role.lambda[0].arn : var.lambda_role
  tags          = var.tags

  environment {
    variables = var.environment_variables
  }

  dynamic "dead_letter_config" {
    for_each = var.dead_letter_target_arn == null ? [] : [true]

    content {
      target_arn = var.dead_letter_target_arn
    }
  }
}

resource "aws_lambda_function_url" "this" {
  count = local.exists && var.create_lambda_function_url ? 1 : 0

  function_name      = aws_lambda_function.this[0].function_name
  authorization_type = var.authorization_type
}

resource "aws_lambda_event_source_mapping" "this" {
  for_each = local.exists ? var.event_source_mapping : {}

  function_name    = aws_lambda_function.this[0].arn
  event_source_arn = try(each.value.event_source_arn, null)
}

data "aws_iam_policy_document" "assume_role" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    dynamic "principals" {
      for_each = [for entity in var.trusted_entities : entity if can(entity.identifiers)]

      content {
        type        = principals.value.type
        identifiers = principals.value.identifiers
      }
    }
  }
}

resource "aws_iam_role" "lambda" {
  count = local.with_role ? 1 : 0

  name               = coalesce(var.role_name, var.function_name)
  assume_role_policy = data.aws_iam_policy_document.assume_role.json
}

resource "aws_iam_role_policy" "additional_json" {
  count = local.with_role && var.attach_policy_json ? 1 : 0

  role   = aws_iam_role.lambda[0].name
  policy = var.policy_json
}

resource "aws_iam_role_policy" "additional_jsons" {
  count = local.with_role && var.attach_policy_jsons ? length(var.policy_jsons) : 0

  role   = aws_iam_role.lambda[0].name
  policy = var.policy_jsons[count.index]
}

resource "aws_iam_role_policy_attachment" "additional_one" {
  count = local.with_role && var.attach_policy ? 1 : 0

  role       = aws_iam_role.lambda[0].name
  policy_arn = var.policy
}

resource "aws_iam_role_policy_attachment" "additional_many" {
  count = local.with_role && var.attach_policies ? length(var.policies) : 0

  role       = aws_iam_role.lambda[0].name
  policy_arn = var.policies[count.index]
}

data "aws_iam_policy_document" "additional_inline" {
  dynamic "statement" {
    for_each = var.policy_statements

    content {
      sid           = try(statement.value.sid, null)
      effect        = try(statement.value.effect, "Allow")
      actions       = try(statement.value.actions, null)
      not_actions   = try(statement.value.not_actions, null)
      resources     = try(statement.value.resources, null)
      not_resources = try(statement.value.not_resources, null)

      dynamic "condition" {
        for_each = try(statement.value.condition, {})

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}

resource "aws_iam_role_policy" "additional_inline" {
  count = local.with_role && var.attach_policy_statements ? 1 : 0

  role   = aws_iam_role.lambda[0].name
  policy = data.aws_iam_policy_document.additional_inline.json
}

output "lambda_function_arn" {
  value = aws_lambda_function.this[0].arn
}
output "lambda_function_arn_static" {
  value = aws_lambda_function.this[0].arn
}
output "lambda_function_invoke_arn" {
  value = aws_lambda_function.this[0].invoke_arn
}
output "lambda_function_name" {
  value = aws_lambda_function.this[0].function_name
}
output "lambda_function_qualified_arn" {
  value = aws_lambda_function.this[0].qualified_arn
}
output "lambda_role_arn" {
  value = aws_iam_role.lambda[0].arn
}
output "lambda_role_name" {
  value = aws_iam_role.lambda[0].name
}
