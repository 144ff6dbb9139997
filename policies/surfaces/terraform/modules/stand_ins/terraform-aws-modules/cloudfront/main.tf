# What the arguments of terraform-aws-modules/cloudfront/aws mean for the rules (as of 6.6; the same since 3.0).
# Not the module: only what a rule looks at, written anew from its documented inputs and outputs.

variable "create" {
  default = true
}
variable "create_distribution" {
  default = true
}
variable "enabled" {
  default = true
}
variable "comment" {
  default = null
}
variable "aliases" {
  default = null
}
variable "origin" {
  default = {}
}
variable "origin_group" {
  default = {}
}
variable "origin_access_control" {
  default = {}
}
variable "origin_access_identities" {
  default = {}
}
variable "default_cache_behavior" {
  default = null
}
variable "ordered_cache_behavior" {
  default = []
}
variable "tags" {
  default = {}
}

resource "aws_cloudfront_origin_access_control" "this" {
  for_each = var.origin_access_control

  name                              = try(each.value.name, each.key)
  origin_access_control_origin_type = try(each.value.origin_type, "s3")
  signing_behavior                  = try(each.value.signing_behavior, "always")
  signing_protocol                  = try(each.value.signing_protocol, "sigv4")
}

resource "aws_cloudfront_origin_access_identity" "this" {
  for_each = var.origin_access_identities

  comment = each.value
}

resource "aws_cloudfront_distribution" "this" {
  count = var.create && var.create_distribution ? 1 : 0

  enabled = var.enabled
  comment = var.comment
  aliases = var.aliases
  tags    = var.tags

  dynamic "origin" {
    for_each = var.origin

    content {
      domain_name = origin.value.domain_name
      origin_id   = try(coalesce(origin.value.origin_id, origin.key), origin.key)
      origin_path = try(origin.value.origin_path, null)
      origin_access_control_id = try(
        origin.value.origin_access_control_id,
        aws_cloudfront_origin_access_control.this[origin.value.origin_access_control].id,
        aws_cloudfront_origin_access_control.this[origin.value.origin_access_control_key].id,
        null
      )

      dynamic "s3_origin_config" {
        for_each = try([origin.value.s3_origin_config], [])

        content {
          origin_access_identity = try(
            s3_origin_config.value.cloudfront_access_identity_path,
            aws_cloudfront_origin_access_identity.this[s3_origin_config.value.origin_access_identity].cloudfront_access_identity_path,
            s3_origin_config.value.origin_access_identity,
            null
          )
        }
      }

      dynamic "custom_origin_config" {
        for_each = try([origin.value.custom_origin_config], [])

        content {
          http_port              = try(custom_origin_config.value.http_port, 80)
          https_port             = try(custom_origin_config.value.https_port, 443)
          origin_protocol_policy = try(custom_origin_config.value.origin_protocol_policy, "https-only")
          origin_ssl_protocols   = try(custom_origin_config.value.origin_ssl_protocols, ["TLSv1.2"])
        }
      }
    }
  }

  dynamic "origin_group" {
    for_each = var.origin_group

    content {
      origin_id = try(origin_group.value.origin_id, origin_group.key)

      member {
        origin_id = try(origin_group.value.primary_member_origin_id, origin_group.value.member[0].origin_id)
      }
      member {
        origin_id = try(origin_group.value.secondary_member_origin_id, origin_group.value.member[1].origin_id)
      }
    }
  }

  default_cache_behavior {
    target_origin_id   = try(var.default_cache_behavior.target_origin_id, null)
    trusted_signers    = try(var.default_cache_behavior.trusted_signers, null)
    trusted_key_groups = try(var.default_cache_behavior.trusted_key_groups, null)

    dynamic "function_association" {
      for_each = try(var.default_cache_behavior.function_association, {})

      content {
        event_type   = try(function_association.value.event_type, function_association.key)
        function_arn = try(function_association.value.function_arn, null)
      }
    }

    dynamic "lambda_function_association" {
      for_each = try(var.default_cache_behavior.lambda_function_association, {})

      content {
        event_type = try(lambda_function_association.value.event_type, lambda_function_association.key)
        lambda_arn = lambda_function_association.value.lambda_arn
      }
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = var.ordered_cache_behavior

    content {
      path_pattern       = ordered_cache_behavior.value.path_pattern
      target_origin_id   = ordered_cache_behavior.value.target_origin_id
      trusted_signers    = try(ordered_cache_behavior.value.trusted_signers, null)
      trusted_key_groups = try(ordered_cache_behavior.value.trusted_key_groups, null)

      dynamic "function_association" {
        for_each = try(ordered_cache_behavior.value.function_association, {})

        content {
          event_type   = try(function_association.value.event_type, function_association.key)
          function_arn = try(function_association.value.function_arn, null)
        }
      }

      dynamic "lambda_function_association" {
        for_each = try(ordered_cache_behavior.value.lambda_function_association, {})

        content {
          event_type = try(lambda_function_association.value.event_type, lambda_function_association.key)
          lambda_arn = lambda_function_association.value.lambda_arn
        }
      }
    }
  }
}

output "cloudfront_distribution_id" {
  value = aws_cloudfront_distribution.this[0].id
}
output "cloudfront_distribution_arn" {
  value = aws_cloudfront_distribution.this[0].arn
}
output "cloudfront_distribution_domain_name" {
  value = aws_cloudfront_distribution.this[0].domain_name
}
output "cloudfront_origin_access_identity_iam_arns" {
  value = [for identity in aws_cloudfront_origin_access_identity.this : identity.iam_arn]
}
