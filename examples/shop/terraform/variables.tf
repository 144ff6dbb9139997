variable "region" {
  type    = string
  default = "eu-west-1"
}

variable "env" {
  type    = string
  default = "prod"
}

variable "pixelpost_account_id" {
  description = "AWS account of Pixelpost, the listing tool that about a third of our sellers use"
  type        = string
  default     = "444455556666"
}

variable "agency_account_id" {
  description = "AWS account of the creative agency that runs the seasonal campaigns"
  type        = string
  default     = "777788889999"
}

# Set per environment in the deployment pipeline.
variable "moderation_principal_arn" {
  description = "Who writes re-cropped review photos back (the moderation vendor, while the contract lasts)"
  type        = string
}

locals {
  prefix = "larkspur-${var.env}"
}
