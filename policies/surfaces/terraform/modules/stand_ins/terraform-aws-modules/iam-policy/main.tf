# What the arguments of terraform-aws-modules/iam/aws//modules/iam-policy mean for the rules (the same since 5.0).

variable "create" {
  default = true
}
variable "create_policy" {
  default = true
}
variable "name" {
  default = null
}
variable "name_prefix" {
  default = null
}
variable "path" {
  default = null
}
variable "description" {
  default = null
}
variable "policy" {
  default = ""
}
variable "tags" {
  default = {}
}

resource "aws_iam_policy" "policy" {
  count = var.create && var.create_policy ? 1 : 0

  name        = var.name
  name_prefix = var.name_prefix
  description = var.description
  policy      = var.policy
  tags        = var.tags
}

output "arn" {
  value = aws_iam_policy.policy[0].arn
}
output "id" {
  value = aws_iam_policy.policy[0].id
}
output "name" {
  value = aws_iam_policy.policy[0].name
}
